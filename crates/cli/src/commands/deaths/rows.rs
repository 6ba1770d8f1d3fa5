//! Deaths as lines: an incident is one, unless all are asked for.

use crate::args::DeathsArgs;
use crate::out::{self, Stop, terminal_width};
use crate::text;
use crate::wire::DeathDoc;

/// How many lines are shown where not all are asked for.
const LINES: usize = 20;

/// Deaths that are told in one line: one, or those of an incident.
#[derive(Debug)]
struct Row<'a>(Vec<&'a DeathDoc>);

/// Prints deaths, and how many of them are not shown.
pub(super) fn print(deaths: &[DeathDoc], args: &DeathsArgs) -> Result<(), Stop> {
    let rows = if args.all { deaths.iter().map(|death| Row(vec![death])).collect() } else { rows(deaths) };
    let shown = if args.all { 0 } else { rows.len().saturating_sub(LINES) };
    let (older, rows) = rows.split_at(shown);
    // A path breaks in a narrow column, and `why` tells it; a program that reads the lines wants all.
    let (head, cells): (_, Vec<_>) = match (terminal_width().is_some(), args.all) {
        (true, false) => (&["WHEN", "WHO", "CAUSE", "STATUS"][..], rows.iter().map(Row::short).collect()),
        (true, true) => (
            &["WHEN", "WHO", "CAUSE", "STATUS", "INCIDENT"][..],
            rows.iter().map(|row| [row.short(), vec![row.incident()]].concat()).collect(),
        ),
        (false, false) => (&[][..], rows.iter().map(|row| row.long(None)).collect()),
        (false, true) => (&[][..], rows.iter().map(|row| row.long(Some(row.incident()))).collect()),
    };
    text::listed(head, &cells).iter().try_for_each(out::line)?;
    let hidden: usize = older.iter().map(|row| row.0.len()).sum();
    if hidden > 0 {
        out::note(&format!("{hidden} older ones are not shown: iapeer deaths --all, or --since 2h"));
    }
    Ok(())
}

/// One death as one line.
pub(super) fn line(death: &DeathDoc) -> String {
    let cells = Row(vec![death]).long(None);
    let line: Vec<_> = cells.iter().map(|cell| text::one_line(cell)).collect();
    line.join("  ").trim_end().to_owned()
}

/// One row for each incident, where its first death stands, and for each other death.
fn rows(deaths: &[DeathDoc]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for death in deaths {
        let same = |row: &&mut Row<'_>| death.incident.is_some() && row.0[0].incident == death.incident;
        match rows.iter_mut().rfind(same) {
            Some(row) => row.0.push(death),
            None => rows.push(Row(vec![death])),
        }
    }
    rows
}

impl Row<'_> {
    fn first(&self) -> &DeathDoc {
        self.0[0]
    }

    /// How they ended, where it is the same for all.
    fn status(&self) -> String {
        let is_same = self.0.iter().all(|death| death.status == self.first().status);
        if is_same { self.first().status.clone() } else { "various".to_owned() }
    }

    fn servers(&self) -> String {
        format!("{} servers", self.0.len())
    }

    fn names(&self) -> String {
        self.0.iter().map(|death| death.identity.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn incident(&self) -> String {
        self.first().incident.clone().unwrap_or_else(|| "-".to_owned())
    }

    /// For people: what is not too long for a terminal.
    fn short(&self) -> Vec<String> {
        let first = self.first();
        let who = match self.0.len() {
            1 => first.identity.clone(),
            _ => format!("{}: {}", self.servers(), self.names()),
        };
        vec![text::to_the_second(&first.ts), who, first.cause.clone(), self.status()]
    }

    /// For programs: everything, the same columns for all, the one that may be empty last.
    fn long(&self, incident: Option<String>) -> Vec<String> {
        let first = self.first();
        let (who, kind, more) = match self.0.len() {
            1 => (first.identity.clone(), first.kind, first.forensics.clone().unwrap_or_default()),
            _ => (self.servers(), "incident", self.names()),
        };
        let mut cells = vec![first.ts.clone(), who, kind.to_owned(), first.cause.clone(), self.status()];
        cells.extend(incident);
        cells.push(more);
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn death(identity: &str, status: &str, incident: Option<&str>) -> DeathDoc {
        DeathDoc {
            ts: "T".to_owned(),
            kind: "server-exit",
            identity: identity.to_owned(),
            cause: "swept".to_owned(),
            status: status.to_owned(),
            death: None,
            server_pid: None,
            oom: None,
            observer: None,
            forensics: Some(format!("/{identity}")),
            incident: incident.map(str::to_owned),
        }
    }

    #[test]
    fn an_incident_is_one_line() {
        let deaths = [
            death("a", "sig9", Some("i")),
            death("b", "exit0", None),
            death("c", "sig9", Some("i")),
            death("d", "sig9", Some("j")),
            death("e", "unknown", Some("j")),
            death("f", "sig9", Some("of-others-that-are-not-asked-for")),
        ];
        let lines: Vec<_> = rows(&deaths).iter().map(|row| row.long(None).join(" ")).collect();
        let wanted = [
            "T 2 servers incident swept sig9 a, c",
            "T b server-exit swept exit0 /b",
            "T 2 servers incident swept various d, e",
            "T f server-exit swept sig9 /f",
        ];
        assert_eq!(lines, wanted);
        assert_eq!(rows(&deaths)[0].short(), ["T", "2 servers: a, c", "swept", "sig9"]);
    }
}
