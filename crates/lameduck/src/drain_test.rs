//! `drain-test`: deletes one pod of a release and checks, from a client's place, how it leaves. What `helm test` runs,
//! from the service's own image: no other image has to be pulled.

mod client;
mod observed;
#[cfg(feature = "tls")]
mod tls;

use clap::{Arg, ArgAction, ArgMatches};
use client::get;
use http::Uri;
use lameduck_cluster::{Cluster, RunningPod};
use observed::Observed;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// A ready pod is known to every node a second later; a new one has to start.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// Beyond the grace period: the kubelet and the API server take their time.
const GONE_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at the pod, and two requests to the Service.
const PACE: Duration = Duration::from_millis(20);

/// The subcommand.
pub(crate) const NAME: &str = "drain-test";

/// What to test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A path of the service, by way of its Service. A status below 400 counts as served.
    pub(crate) url: Uri,
    /// Labels of its pods, as `app=orders,tier=web`.
    pub(crate) labels: String,
    /// Whether the pods serve on after SIGTERM: not with `drain.strategy: immediate`.
    pub(crate) lame_duck: bool,
}

/// Its arguments. Not in the list of commands: `helm test` runs it, with rights that no other pod has.
pub(crate) fn grammar() -> clap::Command {
    clap::Command::new(NAME)
        .hide(true)
        .about("Delete one pod of a release and check how it leaves (in a pod, by helm test)")
        .arg(
            Arg::new("url")
                .long("url")
                .required(true)
                .value_parser(http_url)
                .help("A path of the Service, http://… or https://…"),
        )
        .arg(Arg::new("labels").long("labels").required(true).help("Labels of its pods: app=orders,tier=web"))
        .arg(
            Arg::new("no-lame-duck")
                .long("no-lame-duck")
                .action(ArgAction::SetTrue)
                .help("The pods leave at once (drain.strategy: immediate)"),
        )
}

fn http_url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
    let schemes: &[&str] = if cfg!(feature = "tls") { &["http", "https"] } else { &["http"] };
    let known = url.scheme_str().is_some_and(|scheme| schemes.contains(&scheme));
    let named = known && url.host().is_some_and(|host| !host.is_empty());
    if named { Ok(url) } else { Err(format!("must begin with {}:// and name a host", schemes.join(":// or "))) }
}

impl Options {
    /// From what [`grammar`] accepted.
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        Self {
            url: matches.get_one::<Uri>("url").cloned().unwrap_or_default(),
            labels: matches.get_one::<String>("labels").cloned().unwrap_or_default(),
            lame_duck: !matches.get_flag("no-lame-duck"),
        }
    }
}

/// Runs the test, and prints each step.
///
/// # Errors
/// What did not hold, as a sentence.
pub(crate) async fn run(options: &Options) -> Result<(), String> {
    let cluster = match Cluster::connect(lameduck_cluster::Options::default()) {
        Ok(Some(cluster)) => cluster,
        Ok(None) => return Err("this is not a pod: run it by `helm test`".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let began = Instant::now();
    let say = |text: &str| {
        let _ = writeln!(std::io::stdout(), "{:>5.1} s  {text}", began.elapsed().as_secs_f64());
    };

    say("1. the Service answers");
    until_served(&options.url).await?;

    say("2. choose a pod");
    let pods = cluster.running_pods(&options.labels).await.map_err(|error| error.to_string())?;
    let Some(pod) = pods.first() else { return Err(format!("no running pod has the labels {}", options.labels)) };
    let admin = admin_of(pod).await;
    say(&format!("   {} ({}), one of {}", pod.name, pod.address, pods.len()));
    if admin.is_none() {
        say("   its admin port cannot be reached from here (networkPolicy.adminFrom?): the phases are not checked");
    }

    say("3. delete it, and send requests to the Service until it is gone");
    cluster.delete(pod).await.map_err(|error| error.to_string())?;
    let mut observed = Observed::new(options.lame_duck && admin.is_some(), pods.len() > 1);
    let mut seen = Vec::new();
    observed.gone = {
        let leaves = leaves(&cluster, pod, admin, options, &mut seen);
        tokio::pin!(leaves);
        loop {
            tokio::select! {
                gone = &mut leaves => break gone,
                answer = get(&options.url), if observed.others => {
                    observed.asked += 1;
                    observed.lost.extend(answer.served().err());
                    sleep(PACE).await;
                }
            }
        }
    };
    observed.seen = seen;
    say(&format!("   {}", observed.sentence()));
    observed.verdict(&pod.name)?;

    say("4. the others have taken over");
    until_served(&options.url).await?;
    say("passed");
    Ok(())
}

/// What was seen of the pod: its phases, and whether it served as a lame duck.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Phase(String),
    ServedLate(Result<(), String>),
}

/// Looks at the pod until it is gone; `false` if it is not gone in time.
async fn leaves(
    cluster: &Cluster,
    pod: &RunningPod,
    admin: Option<Uri>,
    options: &Options,
    seen: &mut Vec<Seen>,
) -> bool {
    let until = Instant::now() + pod.grace_period + GONE_WITHIN;
    let direct = direct(pod, options.url.scheme_str().unwrap_or("http"), "http", options.url.path());
    while Instant::now() < until {
        if let Some(admin) = &admin {
            let phase = get(admin).await.phase();
            let lame_duck = phase.as_deref() == Some("lame_duck");
            if let Some(phase) = phase.map(Seen::Phase).filter(|phase| !seen.contains(phase)) {
                seen.push(phase);
                if let (true, Some(direct)) = (lame_duck, &direct) {
                    seen.push(Seen::ServedLate(get(direct).await.served()));
                }
            }
        }
        // No answer proves nothing: look again.
        if cluster.exists(pod).await == Ok(false) {
            return true;
        }
        sleep(PACE).await;
    }
    false
}

/// The address of the pod's /drain, if it answers from here.
async fn admin_of(pod: &RunningPod) -> Option<Uri> {
    let admin = direct(pod, "http", "admin", "/drain")?;
    get(&admin).await.phase().map(|_| admin)
}

fn direct(pod: &RunningPod, scheme: &str, port: &str, path: &str) -> Option<Uri> {
    let address = SocketAddr::new(pod.address, pod.port(port)?);
    format!("{scheme}://{address}{path}").parse().ok()
}

async fn until_served(url: &Uri) -> Result<(), String> {
    let until = Instant::now() + ANSWERS_WITHIN;
    let mut why = String::new();
    let served = async {
        while let Err(error) = get(url).await.served() {
            why.clear();
            let _ = write!(why, "{error}");
            sleep(PACE).await;
        }
    };
    let served = timeout_at(until, served).await;
    served.map_err(|_| format!("{url} is not served within {} s: {why}", ANSWERS_WITHIN.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options, String> {
        let matches = grammar().try_get_matches_from([&[NAME], arguments].concat());
        matches.map(|matches| Options::of(&matches)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_helm_test_asks_for() {
        let options = parsed(&["--url=http://orders:80/ping", "--labels=app=orders,tier=web"]).unwrap();
        assert_eq!(options.url.to_string(), "http://orders:80/ping");
        assert_eq!((options.labels.as_str(), options.lame_duck), ("app=orders,tier=web", true));
        assert!(!parsed(&["--url=http://orders/", "--labels=a=b", "--no-lame-duck"]).unwrap().lame_duck);
    }

    #[test]
    fn only_http_and_both_arguments() {
        assert!(parsed(&["--url=ftp://orders/", "--labels=a=b"]).unwrap_err().contains("must begin with http://"));
        assert!(parsed(&["--url=http://orders/"]).unwrap_err().contains("--labels"));
    }
}
