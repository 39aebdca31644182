use clap::CommandFactory;

use super::*;
use crate::plan::{Plan, Restart, Role};
use crate::verdict::Kind;

fn parse(arguments: &[&str]) -> Plan {
    let all = [&["lameduck-drill", "local"], arguments, &["--", "server"]].concat();
    match Cli::try_parse_from(all).expect("valid options").command {
        Command::Local(local) => plan(&local).expect("a valid plan"),
        Command::Scenarios => unreachable!("the arguments say local"),
    }
}

#[test]
fn the_command_line_is_consistent_and_teaches() {
    Cli::command().debug_assert();
    let mut command = Cli::command();
    let local = command.find_subcommand_mut("local").expect("the subcommand");
    let help = local.render_long_help().to_string();
    for word in ["Examples:", "--control immediate=", "{report_file}", "The rollout:", "The load:", "Output:"] {
        assert!(help.contains(word), "{word} is missing in:\n{help}");
    }
}

#[test]
fn the_default_is_one_judged_run_and_a_control_that_kills() {
    let plan = parse(&[]);
    let runs: Vec<_> = plan.runs.iter().map(|run| (run.name.as_str(), run.role, run.restart)).collect();
    assert_eq!(runs, [("as-given", Role::Subject, Restart::Term), ("sigkill", Role::Control, Restart::Kill)]);
    assert!(plan.target.has_ledger);
    assert!(plan.load.groups.iter().any(|group| group.kind == Kind::H2c));
}

#[test]
fn variants_replace_the_plain_run_and_controls_run_once() {
    let plan = parse(&["--rollouts", "5", "--variant", "a=X=1", "--variant", "b=X=2,Y=3", "--control", "bad=X=0"]);
    let runs: Vec<_> = plan.runs.iter().map(|run| (run.name.as_str(), run.rollouts, run.env.len())).collect();
    assert_eq!(runs, [("a", 5, 1), ("b", 5, 2), ("bad", 1, 1)]);
}

#[test]
fn a_plain_command_gets_no_environment_and_simple_requests_only() {
    let plan = parse(&["--preset", "plain", "--clients", "hot=1,cold=0"]);
    assert!(plan.target.env.is_empty() && !plan.target.has_ledger);
    let kinds: Vec<_> = plan.load.groups.iter().map(|group| (group.kind, group.clients)).collect();
    assert_eq!(kinds, [(Kind::Hot, 1), (Kind::Warm, 60), (Kind::Connect, 20)]);
}

#[test]
fn all_scenarios_make_a_run_each() {
    let plan = parse(&["--scenario", "all"]);
    assert_eq!(plan.runs.len(), crate::scenario::Scenario::ALL.len());
    assert!(plan.runs.iter().all(|run| run.role == Role::Scenario));
}
