//! A PostgreSQL server of one test: on a free port, in a temporary folder.

use lameduck::Dependency;
use lameduck_dependencies::Postgres;
use lameduck_dependencies::sql::Sql;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) const USER: &str = "orders";
pub(crate) const PASSWORD: &str = "first secret";
/// Longest wait for a server; generous, because machines are busy.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The file of a program of PostgreSQL.
fn program(name: &str) -> PathBuf {
    let folder = std::env::var("POSTGRES_BIN").expect("POSTGRES_BIN: run these tests by `make test-dependencies`");
    Path::new(&folder).join(name)
}

/// A command that does not run as root, which PostgreSQL refuses to do.
pub(crate) fn unprivileged(program: &Path) -> Command {
    // SAFETY: a plain system call without arguments.
    if unsafe { libc::geteuid() } != 0 {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    // A folder that the other user may enter.
    command.current_dir("/");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

/// A folder that an unprivileged server may use.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until something listens.
pub(crate) fn listening(what: &str, port: u16, process: &mut Child) {
    let began = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(process.try_wait().unwrap().is_none(), "{what} has ended");
        assert!(began.elapsed() < TIMEOUT, "{what} does not listen");
        #[expect(clippy::disallowed_methods, reason = "between two looks at another process")]
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn run(mut command: Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An empty cluster that all servers are copies of.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<tempfile::TempDir> = OnceLock::new();
    TEMPLATE
        .get_or_init(|| {
            let folder = folder();
            let password = folder.path().join("password");
            std::fs::write(&password, PASSWORD).unwrap();
            let mut initdb = unprivileged(&program("initdb"));
            initdb.arg("-D").arg(folder.path().join("data")).arg("--pwfile").arg(password);
            run({
                initdb.args(["-A", "scram-sha-256", "-U", USER, "--no-sync", "-E", "UTF8", "--locale=C"]);
                initdb
            });
            folder
        })
        .path()
}

pub(crate) struct Server {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    options: Vec<String>,
    process: Option<Child>,
}

impl Server {
    /// A server with an empty database of the user's name, as PostgreSQL calls it `postgres`.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// One with further settings: `ssl=on`.
    pub(crate) fn with(options: &[&str]) -> Self {
        Self::in_folder(folder(), options)
    }

    /// One in a folder that may hold files for it, such as a certificate.
    pub(crate) fn in_folder(folder: tempfile::TempDir, options: &[&str]) -> Self {
        let mut copy = unprivileged(Path::new("cp"));
        copy.arg("-a").arg(template().join("data")).arg(folder.path().join("data"));
        run(copy);
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { folder, port: free_port(), options, process: None };
        server.start_again();
        server
    }

    /// Starts it where it was.
    pub(crate) fn start_again(&mut self) {
        let mut command = unprivileged(&program("postgres"));
        command.arg("-D").arg(self.folder.path().join("data")).arg("-p").arg(self.port.to_string());
        command.arg("-k").arg(self.folder.path());
        for option in ["listen_addresses=127.0.0.1", "fsync=off", "max_connections=100", "shared_buffers=16MB"] {
            command.args(["-c", option]);
        }
        for option in &self.options {
            command.args(["-c", option]);
        }
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        listening("postgres", self.port, &mut process);
        self.process = Some(process);
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn url_with_password(&self) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/postgres", PASSWORD.replace(' ', "%20"), self.port)
    }

    /// A dependency on it.
    pub(crate) fn dependency(&self) -> Postgres {
        Postgres::new(&self.url_with_password()).unwrap()
    }

    pub(crate) async fn connect(&self) -> Sql {
        connect(&self.dependency()).await
    }

    /// Ends it as a crash does.
    pub(crate) fn crash(&mut self) {
        let mut process = self.process.take().expect("it runs");
        signal(process.id(), libc::SIGQUIT);
        process.wait().unwrap();
    }

    /// Stops every process of it in the middle of whatever it does.
    pub(crate) fn freeze(&self) {
        self.each(libc::SIGSTOP);
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.each(libc::SIGCONT);
    }

    fn each(&self, number: i32) {
        let parent = self.process.as_ref().expect("it runs").id();
        signal(parent, number);
        children(parent).into_iter().for_each(|child| signal(child, number));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        for pid in children(process.id()).into_iter().chain([process.id()]) {
            signal(pid, libc::SIGCONT);
        }
        signal(process.id(), libc::SIGQUIT);
        let _ = process.wait();
    }
}

/// Connects, and goes on trying while the server starts.
pub(crate) async fn connect(postgres: &Postgres) -> Sql {
    let began = Instant::now();
    loop {
        match postgres.connect().await {
            Ok(sql) => return sql,
            Err(error) => assert!(began.elapsed() < TIMEOUT, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn signal(pid: u32, number: i32) {
    // SAFETY: a plain system call. A process that has just ended is no error here.
    unsafe { libc::kill(pid.cast_signed(), number) };
}

fn children(parent: u32) -> Vec<u32> {
    let listed = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
