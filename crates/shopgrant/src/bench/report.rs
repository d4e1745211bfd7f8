//! Figures with their targets, for people and for scripts.

use serde::Serialize;

use crate::bench::machine::Machine;
use crate::bench::options::BenchOptions;
use crate::bench::statistics::median;
use crate::output::{self, OutputError};

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    what: &'static str,
    /// A single short run, whose figures say little.
    quick: bool,
    /// Built for tests and not for speed, which makes figures that say little.
    unoptimized: bool,
    runs: u64,
    connections: u32,
    /// What the measured processes logged.
    log: String,
    machine: Machine,
    pub(super) subjects: Vec<Subject>,
}

/// What was measured: the program on one database and bus.
#[derive(Debug, Serialize)]
pub(crate) struct Subject {
    database: String,
    bus: &'static str,
    /// How it was measured, as far as that is not the same every time.
    pub(super) method: Vec<String>,
    figures: Vec<Figure>,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    unit: &'static str,
    /// One for each run; none where the machine does not tell.
    values: Vec<f64>,
    median: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    target: Option<Target>,
}

/// What a median should be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// Something that was counted and has to be so.
#[derive(Debug, Serialize)]
struct Check {
    what: String,
    holds: bool,
}

impl Report {
    pub(super) fn new(what: &'static str, options: &BenchOptions) -> Self {
        Self {
            what,
            quick: options.quick,
            unoptimized: cfg!(debug_assertions),
            runs: options.runs(),
            connections: options.connections.get(),
            log: options.log.clone(),
            machine: Machine::look(),
            subjects: Vec::new(),
        }
    }

    /// Whether everything that was counted is as it has to be.
    pub(super) fn is_sound(&self) -> bool {
        let mut checks = self.subjects.iter().flat_map(|subject| &subject.checks);
        checks.all(|check| check.holds)
    }

    pub(super) fn print(&self, json: bool) -> Result<(), OutputError> {
        if json {
            let text = serde_json::to_vec_pretty(self).expect("a report has only text keys");
            return output::bytes(&text);
        }
        let Machine { cores, kernel } = &self.machine;
        output::line(format_args!(
            "bench {}: {} cores, Linux {kernel}, {} connections, {} runs, log at `{}`",
            self.what, cores, self.connections, self.runs, self.log
        ))?;
        if self.quick {
            output::line("This was one short run, to see that it works: its figures say little.")?;
        }
        if self.unoptimized {
            output::line("This program is built for tests: use a release build for figures.")?;
        }
        for subject in &self.subjects {
            subject.print()?;
        }
        Ok(())
    }
}

impl Subject {
    pub(super) fn new(database: String, bus: &'static str) -> Self {
        Self {
            database,
            bus,
            method: Vec::new(),
            figures: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// The value of one more run.
    pub(super) fn add(&mut self, name: &str, unit: &'static str, value: f64) {
        self.add_if_known(name, unit, Some(value));
    }

    pub(super) fn add_if_known(&mut self, name: &str, unit: &'static str, value: Option<f64>) {
        let place = self.figures.iter().position(|figure| figure.name == name);
        let place = place.unwrap_or_else(|| {
            self.figures.push(Figure {
                name: name.to_owned(),
                unit,
                values: Vec::new(),
                median: None,
                min: None,
                max: None,
                target: None,
            });
            self.figures.len() - 1
        });
        let figure = &mut self.figures[place];
        figure.values.extend(value);
        figure.median = median(&figure.values);
        figure.min = figure.values.iter().copied().reduce(f64::min);
        figure.max = figure.values.iter().copied().reduce(f64::max);
    }

    pub(super) fn aim(&mut self, name: &str, target: Target) {
        let figure = self.figures.iter_mut().find(|figure| figure.name == name);
        if let Some(figure) = figure {
            figure.target = Some(target);
        }
    }

    pub(super) fn check(&mut self, what: String, holds: bool) {
        self.checks.push(Check { what, holds });
    }

    fn print(&self) -> Result<(), OutputError> {
        output::line(format_args!("\n{}, {}", self.database, self.bus))?;
        for method in &self.method {
            output::line(format_args!("  {method}"))?;
        }
        output::line(format_args!(
            "  {:<46} {:>12} {:>12} {:>12}  {:<8} target",
            "", "median", "min", "max", ""
        ))?;
        for figure in &self.figures {
            figure.print()?;
        }
        for check in self.checks.iter().filter(|check| !check.holds) {
            output::line(format_args!("  WRONG: {}", check.what))?;
        }
        let held = self.checks.iter().filter(|check| check.holds).count();
        output::line(format_args!(
            "  {held} of {} checks held",
            self.checks.len()
        ))
    }
}

impl Figure {
    fn print(&self) -> Result<(), OutputError> {
        let (Some(median), Some(min), Some(max)) = (self.median, self.min, self.max) else {
            return output::line(format_args!("  {:<46} {:>12}", self.name, "not known"));
        };
        let target = match self.target {
            None => String::new(),
            Some(Target::AtLeast(limit)) => said("≥", limit, median >= limit),
            Some(Target::AtMost(limit)) => said("≤", limit, median <= limit),
        };
        output::line(format_args!(
            "  {:<46} {:>12} {:>12} {:>12}  {:<8} {target}",
            self.name,
            number(median),
            number(min),
            number(max),
            self.unit
        ))
    }
}

fn said(sign: &str, limit: f64, is_met: bool) -> String {
    let verdict = if is_met { "met" } else { "missed" };
    format!("{sign} {} {verdict}", number(limit))
}

/// Three digits at least, and no more than a person reads.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        medium if medium >= 10.0 => 1,
        small if small >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_gathers_its_runs() {
        let mut subject = Subject::new("SQLite".to_owned(), "in-process");
        for value in [3.0, 1.0, 2.0] {
            subject.add("rate", "per s", value);
        }
        subject.aim("rate", Target::AtLeast(2.0));
        subject.add_if_known("cpu", "us", None);
        let [rate, cpu] = &subject.figures[..] else {
            panic!("{:?}", subject.figures);
        };
        assert_eq!(
            (rate.median, rate.min, rate.max),
            (Some(2.0), Some(1.0), Some(3.0))
        );
        assert_eq!(cpu.median, None);
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (12345.6, "12346"),
            (12.34, "12.3"),
            (1.234, "1.23"),
            (0.1234, "0.123"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
