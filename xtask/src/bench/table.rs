//! What was measured, as a table and as JSON, with the targets and whether they are met.

use serde_json::{Value, json};

use super::measure::Figures;

/// One thing that was measured.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// What.
    pub(super) what: String,
    /// What it took.
    pub(super) figures: Figures,
    /// What it is measured against, and what that took in the same run.
    pub(super) floor: Option<(&'static str, Figures)>,
    /// What it shall keep to.
    pub(super) targets: Vec<Target>,
}

/// What a row shall keep to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// At most so many times the wall time of the floor.
    Times(f64),
    /// At most so many milliseconds more than the floor.
    Over(f64),
    /// At most so many MiB at any time.
    Peak(f64),
}

impl Row {
    pub(super) fn new(what: impl Into<String>, figures: Figures) -> Row {
        Row { what: what.into(), figures, floor: None, targets: Vec::new() }
    }

    pub(super) fn beside(self, name: &'static str, figures: Figures) -> Row {
        Row { floor: Some((name, figures)), ..self }
    }

    pub(super) fn target(mut self, target: Target) -> Row {
        self.targets.push(target);
        self
    }

    fn ratio(&self) -> Option<f64> {
        self.floor.map(|(_, floor)| self.figures.wall / floor.wall)
    }

    /// The same of the processor time, which tells more where others keep the machine busy.
    fn cpu_ratio(&self) -> Option<f64> {
        let of = |(_, floor): (_, Figures)| self.figures.cpu / floor.cpu;
        self.floor.map(of).filter(|ratio| ratio.is_finite() && *ratio > 0.0)
    }

    fn meets(&self, target: Target) -> bool {
        match target {
            Target::Times(times) => self.ratio().is_some_and(|ratio| ratio <= times),
            Target::Over(ms) => self.floor.is_some_and(|(_, floor)| self.figures.wall - floor.wall <= ms),
            Target::Peak(mib) => self.figures.peak <= mib,
        }
    }

    /// Whether one of its targets is not met.
    pub(super) fn misses(&self) -> bool {
        self.targets.iter().any(|target| !self.meets(*target))
    }

    fn verdicts(&self) -> Vec<String> {
        let told = |target: &Target| {
            let met = if self.meets(*target) { "met" } else { "not met" };
            match target {
                Target::Times(times) => format!("{times} times: {met}"),
                Target::Over(ms) => format!("{ms} ms over: {met}"),
                Target::Peak(mib) => format!("{mib} MiB: {met}"),
            }
        };
        self.targets.iter().map(told).collect()
    }

    fn cells(&self) -> Vec<String> {
        let Figures { runs, wall, wall_p99, cpu, peak } = self.figures;
        let (floor, ratio) = match (&self.floor, self.ratio()) {
            (Some((name, floor)), Some(ratio)) => {
                (format!("{name}: {:.2}", floor.wall), format!("{ratio:.2}"))
            }
            _ => (String::new(), String::new()),
        };
        let number = |value: f64| if value > 0.0 { format!("{value:.2}") } else { "-".to_owned() };
        let peak = if peak > 0.0 { format!("{peak:.1}") } else { "-".to_owned() };
        let cpu_ratio = self.cpu_ratio().map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        vec![
            self.what.clone(),
            runs.to_string(),
            number(wall),
            number(wall_p99),
            number(cpu),
            peak,
            floor,
            ratio,
            cpu_ratio,
            self.verdicts().join(", "),
        ]
    }

    fn document(&self) -> Value {
        let figures = |figures: Figures| {
            let Figures { runs, wall, wall_p99, cpu, peak } = figures;
            json!({ "runs": runs, "wall_ms": wall, "wall_p99_ms": wall_p99, "cpu_ms": cpu, "peak_mib": peak })
        };
        let target = |target: &Target| {
            let (kind, limit) = match target {
                Target::Times(times) => ("times", times),
                Target::Over(ms) => ("over_ms", ms),
                Target::Peak(mib) => ("peak_mib", mib),
            };
            json!({ "kind": kind, "limit": limit, "met": self.meets(*target) })
        };
        json!({
            "what": self.what,
            "figures": figures(self.figures),
            "floor": self.floor.map(|(name, floor)| json!({ "what": name, "figures": figures(floor) })),
            "ratio": self.ratio(),
            "cpu_ratio": self.cpu_ratio(),
            "targets": self.targets.iter().map(target).collect::<Vec<_>>(),
        })
    }
}

/// The rows, and what else is said, as one JSON document.
pub(super) fn document(rows: &[Row], said: &[String]) -> Value {
    json!({ "schema": "bench/1", "rows": rows.iter().map(Row::document).collect::<Vec<_>>(), "said": said })
}

/// The rows as a table of Markdown that can be read as it is.
pub(super) fn table(rows: &[Row]) -> String {
    let head = ["what", "runs", "ms", "p99", "CPU ms", "MiB", "beside, ms", "ratio", "of CPU", "target"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(Row::cells));
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    lines.insert(1, widths.iter().map(|width| "-".repeat(*width)).collect());
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} |"));
        format!("|{}\n", cells.collect::<String>())
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(wall: f64, peak: f64) -> Figures {
        Figures { runs: 1, wall, wall_p99: wall, cpu: wall, peak }
    }

    #[test]
    fn a_target_is_met_up_to_its_limit() {
        let row = Row::new("list", figures(30.0, 9.5)).beside("empty", figures(10.0, 2.0));
        let alone = Row::new("list", figures(30.0, 9.5));
        for (target, beside, without) in [
            (Target::Times(3.0), true, false),
            (Target::Times(2.9), false, false),
            (Target::Over(20.0), true, false),
            (Target::Over(19.9), false, false),
            (Target::Peak(9.5), true, true),
            (Target::Peak(9.4), false, false),
        ] {
            assert_eq!(row.meets(target), beside, "{target:?}");
            assert_eq!(alone.meets(target), without, "{target:?} without a floor");
        }
    }

    #[test]
    fn the_table_tells_what_the_document_tells() {
        let rows = [Row::new("list", figures(30.0, 9.5))
            .beside("empty", figures(10.0, 2.0))
            .target(Target::Times(2.0))];
        let table = table(&rows);
        assert!(table.lines().all(|line| line.matches('|').count() == 11), "{table}");
        assert!(table.contains("| empty: 10.00 | 3.00  | 3.00   | 2 times: not met |"), "{table}");
        let document = document(&rows, &[]);
        assert_eq!(document["rows"][0]["ratio"], 3.0);
        assert_eq!(document["rows"][0]["targets"][0]["met"], false);
    }
}
