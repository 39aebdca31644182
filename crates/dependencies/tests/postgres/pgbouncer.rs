//! PgBouncer in transaction mode, in front of a server.

use crate::server::{PASSWORD, Server, USER, connect, folder, free_port, listening, signal, unprivileged};
use lameduck_dependencies::Postgres;
use lameduck_dependencies::sql::Sql;
use std::path::Path;
use std::process::{Child, Stdio};

pub(crate) struct PgBouncer {
    _folder: tempfile::TempDir,
    port: u16,
    process: Child,
}

impl PgBouncer {
    /// With so many connections to the server for all of its clients.
    pub(crate) fn start(server: &Server, connections: u32) -> Self {
        let (folder, port) = (folder(), free_port());
        let configuration = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} dbname=postgres user={USER} password='{PASSWORD}'\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = {connections}\nmax_client_conn = 500\nunix_socket_dir =\n",
            server.port
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, configuration).unwrap();
        let program = std::env::var("PGBOUNCER").expect("PGBOUNCER: run these tests by `make test-dependencies`");
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = unprivileged(Path::new(&program));
        command.arg(file).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        listening("pgbouncer", port, &mut process);
        Self { _folder: folder, port, process }
    }

    pub(crate) fn dependency(&self) -> Postgres {
        Postgres::new(&format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)).unwrap()
    }

    pub(crate) async fn connect(&self) -> Sql {
        connect(&self.dependency()).await
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        signal(self.process.id(), libc::SIGKILL);
        let _ = self.process.wait();
    }
}
