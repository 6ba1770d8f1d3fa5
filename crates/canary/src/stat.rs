//! What the kernel says of a process in one line.

/// A line of `/proc/<pid>/stat`, its fields under the numbers that proc_pid_stat(5) gives them.
///
/// `iapeer-provision-exec` stands alone and has a reader of its own.
#[derive(Debug, Clone)]
pub struct ProcessStat<'a> {
    name: &'a str,
    /// From the third one on.
    fields: Vec<&'a str>,
}

impl<'a> ProcessStat<'a> {
    /// Reads a line. The name stands in parentheses and may hold anything, those included, so it ends at the
    /// last one.
    pub fn parse(line: &'a str) -> Option<ProcessStat<'a>> {
        let (head, rest) = line.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        Some(ProcessStat { name, fields: rest.split_ascii_whitespace().collect() })
    }

    /// The name of the program, without arguments.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Whether the process has ended and only waits to be reaped; none where the line says no state.
    pub fn is_dead(&self) -> Option<bool> {
        self.text(3).map(|state| matches!(state, "Z" | "X"))
    }

    /// A field from the third on; none where the line ends before it, or it is no such number or word.
    pub fn field<T: std::str::FromStr>(&self, number: usize) -> Option<T> {
        self.text(number)?.parse().ok()
    }

    fn text(&self, number: usize) -> Option<&'a str> {
        self.fields.get(number.checked_sub(3)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_from_behind_the_name() {
        for name in ["sleep", "a b", "a) Z 1 (b", "a\nb", ")", "(", ""] {
            let line = format!("17 ({name}) S 4 5 -6\n");
            let stat = ProcessStat::parse(&line).expect("a line");
            assert_eq!((stat.name(), stat.is_dead()), (name, Some(false)), "{name:?}");
            assert_eq!([stat.field(4), stat.field(5), stat.field(7)], [Some(4_u32), Some(5), None]);
            assert_eq!((stat.field(6), stat.field::<u32>(6)), (Some(-6), None));
            assert_eq!([0, 2, 3].map(|number| stat.field::<u32>(number)), [None; 3]);
        }
        assert_eq!(ProcessStat::parse("17 (x) Z 1").and_then(|stat| stat.is_dead()), Some(true));
        assert_eq!(ProcessStat::parse("17 (x)").and_then(|stat| stat.is_dead()), None);
        assert!(["", "17", "17 (x", "17 x)"].iter().all(|torn| ProcessStat::parse(torn).is_none()));
    }
}
