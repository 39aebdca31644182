use clap::CommandFactory;
use lameduck_load::Kind;

use super::*;
use crate::local::keys::ServiceKeys;
use crate::plan::Role;
use crate::plan::local::{LocalPlan, Restart};

/// What the sample service answers when it is asked for its keys.
const KEYS: ServiceKeys = ServiceKeys { bench: true, grpc: false };

fn parse(arguments: &[&str]) -> LocalPlan {
    let all = [&["lameduck-drill", "local"], arguments, &["--", "server", "{host}:{port}"]].concat();
    match Cli::try_parse_from(all).expect("valid options").command {
        Command::Local(local) => local::plan(&local, KEYS).expect("a valid plan"),
        Command::Cluster(_) | Command::Scenarios | Command::LoadPod(_) | Command::Signal(_) => {
            unreachable!("the arguments say local")
        }
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
    let runs: Vec<_> = plan.runs.iter().map(|run| (run.name.as_str(), run.role, run.way.restart)).collect();
    assert_eq!(runs, [("as-given", Role::Subject, Restart::Term), ("sigkill", Role::Control, Restart::Kill)]);
    assert!(plan.has_ledger);
    assert!(plan.load.groups.iter().any(|group| group.kind == Kind::H2c));
}

#[test]
fn variants_replace_the_plain_run_and_controls_run_once() {
    let plan = parse(&["--rollouts", "5", "--variant", "a=X=1", "--variant", "b=X=2,Y=3", "--control", "bad=X=0"]);
    let runs: Vec<_> = plan.runs.iter().map(|run| (run.name.as_str(), run.way.rollouts, run.way.env.len())).collect();
    assert_eq!(runs, [("a", 5, 1), ("b", 5, 2), ("bad", 1, 1)]);
}

#[test]
fn a_plain_command_gets_no_environment_and_simple_requests_only() {
    let plan = parse(&["--preset", "plain", "--clients", "hot=1,cold=0"]);
    assert!(plan.target.env.is_empty() && !plan.has_ledger);
    let kinds: Vec<_> = plan.load.groups.iter().map(|group| (group.kind, group.clients)).collect();
    assert_eq!(kinds, [(Kind::Hot, 1), (Kind::Warm, 60), (Kind::Connect, 20)]);
}

#[test]
fn all_scenarios_make_a_run_each() {
    let plan = parse(&["--scenario", "all"]);
    assert_eq!(plan.runs.len(), crate::scenario::Scenario::ALL.len());
    assert!(plan.runs.iter().all(|run| run.role == Role::Scenario));
}

fn in_cluster(arguments: &[&str]) -> Result<crate::plan::cluster::ClusterPlan, String> {
    let all = [&["lameduck-drill", "cluster", "deploy/web"], arguments].concat();
    match Cli::try_parse_from(all).map_err(|error| error.to_string())?.command {
        Command::Cluster(options) => cluster::plan(&options, Vec::new()).map_err(|error| format!("{error:#}")),
        Command::Local(_) | Command::Scenarios | Command::LoadPod(_) | Command::Signal(_) => {
            unreachable!("the arguments say cluster")
        }
    }
}

#[test]
fn a_cluster_is_never_guessed_and_an_action_never_half_told() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "--context is missing"),
        (&["--context", "x", "--grace", "3"], "--grace goes with --action delete"),
        (&["--context", "x", "--pods", "1"], "--pods goes with"),
        (&["--context", "x", "--node", "n1"], "--node goes with"),
        (&["--context", "x", "--action", "command"], "a command after `--` go together"),
        (&["--context", "x", "--", "true"], "a command after `--` go together"),
        (&["--context", "x", "--rollouts", "0"], "--rollouts 0: expected 1 to"),
        (&["--context", "x", "--load-pods", "0"], "--load-pods 0: expected 1 to"),
        (&["--context", "x", "--health", "http://a/"], "--health goes with --from-here"),
        (&["--context", "x", "--from-here", "https://a"], "HTTPS targets are not supported"),
        (&["--context", "x", "--from-here", "http://a/b"], "the path goes into --path"),
        (
            &["--context", "x", "--from-here", "http://a", "--from-here", "http://b", "--health", "http://a/"],
            "one for each",
        ),
    ];
    for (arguments, sentence) in cases {
        match in_cluster(arguments) {
            Err(problem) => assert!(problem.contains(sentence), "{arguments:?}: {problem}"),
            Ok(_) => panic!("{arguments:?}: accepted"),
        }
    }
}

#[test]
fn the_load_is_shared_out_over_the_pods_and_the_control_is_asked_for() {
    let plan = in_cluster(&["--context", "x", "--load-pods", "3", "--threads", "2"]).expect("valid options");
    assert_eq!((plan.load.threads, plan.runs.len()), (6, 1));
    let plan = in_cluster(&["--context", "x", "--control", "kill", "--rollouts", "4"]).expect("valid options");
    let runs: Vec<_> = plan.runs.iter().map(|run| (run.way.action.name(), run.role, run.way.times)).collect();
    assert_eq!(runs, [("rollout-restart", Role::Subject, 4), ("kill", Role::Control, 1)]);
    let plan = in_cluster(&["--context", "x", "--from-here", "http://shop.example"]).expect("valid options");
    let way = crate::plan::cluster::Upstream { authority: "shop.example:80".into(), health: None };
    assert_eq!(plan.target.source, crate::plan::cluster::Source::Here(vec![way]));
}

#[test]
fn the_role_has_what_the_action_needs_and_no_more() {
    let role = |arguments: &[&str]| {
        let all = [&["--context", "x", "-n", "shop"], arguments].concat();
        crate::cluster::role(&in_cluster(&all).expect("valid options"))
    };
    let plain = role(&["--preset", "plain", "--from-here", "http://a", "--action", "command", "--", "true"]);
    assert!(!plain.contains("create") && !plain.contains("patch") && !plain.contains("delete"), "{plain}");
    let drain = role(&["--action", "node-drain"]);
    assert!(drain.contains("kind: ClusterRole") && drain.contains("pods/eviction"), "{drain}");
    assert!(role(&["--action", "delete"]).contains("resources: [pods]\n    verbs: [delete, list, watch]"));
}

#[test]
fn no_key_is_set_that_the_service_does_not_have() {
    let plan = |keys, arguments: &[&str]| {
        let all = [&["lameduck-drill", "local"], arguments, &["--", "server"]].concat();
        match Cli::try_parse_from(all).expect("valid options").command {
            Command::Local(local) => local::plan(&local, keys).expect("a valid plan"),
            Command::Cluster(_) | Command::Scenarios | Command::LoadPod(_) | Command::Signal(_) => {
                unreachable!("the arguments say local")
            }
        }
    };
    let has = |plan: &LocalPlan, key: &str| plan.target.env.iter().any(|(name, _)| name == key);
    let kinds = |plan: &LocalPlan| plan.load.groups.iter().map(|group| group.kind).collect::<Vec<_>>();
    let bare = plan(ServiceKeys::default(), &[]);
    assert!(bare.has_ledger && has(&bare, "LAMEDUCK_DRAIN__REPORT_FILE"));
    assert!(!has(&bare, "LAMEDUCK_BENCH__ENABLED"));
    assert_eq!(kinds(&bare), [Kind::Hot, Kind::Warm, Kind::Cold, Kind::Connect, Kind::H2c]);
    let sample = plan(KEYS, &[]);
    assert!(has(&sample, "LAMEDUCK_BENCH__ENABLED"));
    assert!(kinds(&sample).contains(&Kind::Upload));
    assert!(kinds(&plan(ServiceKeys::default(), &["--bench-routes"])).contains(&Kind::Slow));
}

#[test]
fn a_request_with_a_body_is_a_post_and_readiness_is_not_asked_with_it() {
    let plan = parse(&["--preset", "plain", "--body", "{}", "--header", "Host: shop", "--header", "X-A: b"]);
    let shape = &plan.load.shape;
    assert_eq!((shape.method.as_str(), shape.body.as_str(), shape.host.as_deref()), ("POST", "{}", Some("shop")));
    assert_eq!(shape.headers, [("x-a".to_owned(), "b".to_owned())]);
    assert_eq!(plan.target.readiness, crate::plan::local::Readiness::Tcp);
    let plan = parse(&["--preset", "plain", "--header", "Authorization: Bearer x"]);
    assert_eq!(plan.target.probe_headers, [("authorization".to_owned(), "Bearer x".to_owned())]);
}
