//! Who outlived a command.

use std::fmt;

/// Who of a run is alive after its end: the process group of its command and, on Linux, those who left
/// it and still carry [`RUN_VARIABLE`](crate::RUN_VARIABLE). Zombies do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Survivors {
    /// Nobody.
    None,
    /// These processes.
    Processes(Vec<Survivor>),
    /// Somebody, but there is no `/proc` that tells who.
    Group {
        /// The number of the process group.
        id: u32,
    },
}

/// A process that outlived the command that started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// Its process id when it was seen.
    pub pid: u32,
    /// Its command name as the kernel has it: at most 15 bytes, chosen by the process itself.
    pub name: String,
}

impl Survivors {
    /// Whether nobody was left.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// `123 sleep, 124 sh`, or `process group 123`, or `none`.
impl fmt::Display for Survivors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Group { id } => write!(f, "process group {id}"),
            Self::Processes(list) => {
                for (index, Survivor { pid, name }) in list.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{pid} {name}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survivors_read_well() {
        let process = |pid, name: &str| Survivor { pid, name: name.to_owned() };
        let two = Survivors::Processes(vec![process(7, "sh"), process(8, "sleep")]);
        assert_eq!(two.to_string(), "7 sh, 8 sleep");
        assert_eq!(Survivors::Group { id: 7 }.to_string(), "process group 7");
        assert_eq!(Survivors::None.to_string(), "none");
    }
}
