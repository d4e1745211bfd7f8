//! The command line, as operators and scripts use it.

mod bench;
mod beside_serve;
mod brands;
mod commands;
mod credentials;
mod doctor;
mod operator_scopes;
mod refusals;
mod scope_reading;
mod start_up;
mod traces;

use crate::process::Settings;

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let behind = help
        .split_once("Commands:\n")
        .map_or("", |(_, behind)| behind);
    let lines = behind.lines().take_while(|line| line.starts_with("  "));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_answers_help_with_an_example() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::none(directory.path());
    let mut commands = vec![Vec::new()];
    let mut checked = Vec::new();
    while let Some(command) = commands.pop() {
        let words: Vec<&str> = command
            .iter()
            .map(String::as_str)
            .chain(["--help"])
            .collect();
        let help = settings.run(&words).await.succeeded();
        let below = listed(&help);
        if below.is_empty() {
            let line = format!("  shopgrant {}", command.join(" "));
            assert!(help.contains("Example") && help.contains(&line), "{help}");
            checked.push(command.join(" "));
        }
        for name in below {
            commands.push([command.clone(), vec![name]].concat());
        }
    }
    checked.sort();
    assert_eq!(
        checked,
        [
            "authorization show",
            "bench deliver",
            "bench flow",
            "bench footprint",
            "bench query",
            "bench scale",
            "bench start",
            "call",
            "demo",
            "doctor",
            "institution create",
            "institution list",
            "institution requests",
            "institution rotate-secret",
            "institution set",
            "listen",
            "migrate",
            "openapi",
            "platform configure",
            "platform list",
            "sandbox",
            "serve",
        ]
    );
}
