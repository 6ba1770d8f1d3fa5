//! The least that a program costs: what `cargo xtask bench` measures the real one against.

fn main() {}
