//! A server to measure, as a child process on a core of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::client;
use crate::process::{self, Cores};

/// What a child may take to start, and to leave beyond what a measure grants it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The programs of a run.
#[derive(Debug)]
pub(crate) struct Benched {
    /// This program, which serves as all but the service.
    pub(crate) own: PathBuf,
    /// The service, if it has been built.
    pub(crate) service: Option<PathBuf>,
    /// Who runs where.
    pub(crate) cores: Cores,
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// Bare `axum::serve`.
    Bare,
    /// The engine's server with the same routes.
    Engine,
    /// The engine's server around the router that `Bare` serves.
    Wrapped,
    /// tonic's own server, which answers gRPC alone.
    Tonic,
    /// The engine with gRPC, without a service around it.
    Grpc,
    /// The whole service, as it is shipped.
    Service,
}

/// A candidate that answers.
pub(crate) struct Running {
    child: Child,
    output: Lines<BufReader<Box<dyn AsyncRead + Unpin>>>,
    /// Where its routes are.
    pub(crate) address: SocketAddr,
    /// From before `exec` to the first answer on `/ping`.
    pub(crate) ready_after: Duration,
}

/// How a candidate went.
pub(crate) struct Left {
    /// From SIGTERM to its exit.
    pub(crate) after: Duration,
    /// When it had gone.
    pub(crate) at: Instant,
    /// The most memory it ever had resident, if it says so.
    pub(crate) peak_kib: Option<u64>,
}

impl Benched {
    /// The candidates that every measure compares.
    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        let service = self.service.as_ref().map(|_| Candidate::Service);
        [Candidate::Bare, Candidate::Engine].into_iter().chain(service).collect()
    }

    /// Starts a candidate and waits for its first answer.
    pub(crate) async fn start(&self, candidate: Candidate) -> anyhow::Result<Running> {
        self.start_with(candidate, &[]).await
    }

    /// As [`start`](Self::start), with these variables in its environment.
    pub(crate) async fn start_with(
        &self,
        candidate: Candidate,
        environment: &[(&'static str, String)],
    ) -> anyhow::Result<Running> {
        let port = free_port().context("find a free port")?;
        let mut command = self.command(candidate, port)?;
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));

        let started = Instant::now();
        let spawned = self.cores.on_servers(|| command.spawn()).context("move to the server's core")?;
        let mut child = spawned.with_context(|| format!("start {candidate:?}"))?;
        let answered = timeout(PATIENCE, async {
            match candidate {
                Candidate::Tonic | Candidate::Grpc => client::until_accepted(address).await,
                Candidate::Bare | Candidate::Engine | Candidate::Wrapped | Candidate::Service => {
                    client::until_answered(address).await;
                }
            }
        });
        tokio::select! {
            biased;
            status = child.wait() => bail!("{candidate:?} ended instead of serving: {}", status?),
            answered = answered => answered.with_context(|| format!("{candidate:?} does not answer on {address}"))?,
        }
        let ready_after = started.elapsed();

        let output: Box<dyn AsyncRead + Unpin> = Box::new(child.stdout.take().context("standard output is piped")?);
        Ok(Running { child, output: BufReader::new(output).lines(), address, ready_after })
    }

    fn command(&self, candidate: Candidate, port: u16) -> anyhow::Result<Command> {
        let mut command = match candidate {
            Candidate::Bare | Candidate::Engine | Candidate::Wrapped | Candidate::Tonic | Candidate::Grpc => {
                let mut command = Command::new(&self.own);
                let stack = match candidate {
                    Candidate::Bare => "bare",
                    Candidate::Engine | Candidate::Service => "engine",
                    Candidate::Wrapped => "wrapped",
                    Candidate::Tonic => "tonic",
                    Candidate::Grpc => "grpc",
                };
                command.args(["serve", stack]).arg(port.to_string());
                command
            }
            Candidate::Service => {
                let mut command = Command::new(self.service.as_ref().context("no service binary")?);
                command
                    .env("LAMEDUCK_LISTEN__HTTP", format!("127.0.0.1:{port}"))
                    .env("LAMEDUCK_LISTEN__ADMIN", "127.0.0.1:0")
                    .env("LAMEDUCK_LISTEN__GRPC", "127.0.0.1:0")
                    .env("LAMEDUCK_DRAIN__STRATEGY", "immediate")
                    .env("LAMEDUCK_DRAIN__IDLE_HOLD", "0s")
                    .env("LAMEDUCK_BENCH__ENABLED", "true");
                command
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }
}

// === impl Candidate ===

impl Candidate {
    /// A path that takes so long to answer.
    pub(crate) fn slow_path(self, wait: Duration) -> String {
        let prefix = if self == Candidate::Service { "/bench" } else { "" };
        format!("{prefix}/slow?ms={}", wait.as_millis())
    }
}

// === impl Running ===

impl Running {
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the candidate has ended")
    }

    /// CPU time used so far.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        process::cpu_time(self.pid()?).context("read the candidate's CPU clock")
    }

    /// Resident memory now.
    pub(crate) fn resident_kib(&self) -> anyhow::Result<u64> {
        process::resident_kib(self.pid()?).context("read the candidate's memory")
    }

    /// Sends SIGTERM and waits until it has gone, with success.
    pub(crate) async fn leave(self) -> anyhow::Result<Left> {
        let Running { mut child, mut output, .. } = self;
        let pid = child.id().context("the candidate has ended")?;
        let asked = Instant::now();
        process::terminate(pid).context("send SIGTERM")?;
        let gone = async {
            let mut peak_kib = None;
            // Its output has to be read while it runs, or a full pipe would hold it.
            while let Some(line) = output.next_line().await? {
                peak_kib = line.strip_prefix("peak_kib ").and_then(|kib| kib.parse().ok()).or(peak_kib);
            }
            let status = child.wait().await?;
            anyhow::Ok((status, peak_kib))
        };
        let (status, peak_kib) = timeout(PATIENCE, gone).await.context("the candidate does not leave")??;
        let at = Instant::now();
        ensure!(status.success(), "the candidate left with {status}");
        Ok(Left { after: at - asked, at, peak_kib })
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
