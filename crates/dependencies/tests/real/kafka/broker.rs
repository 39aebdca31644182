//! A broker in KRaft mode: one node, with a plain listener and one with TLS and SASL.

use crate::rig::{Server, free_port, listening, until};
use krafka::admin::{CreateTopicsOptions, DescribeConsumerGroupsOptions, ListConsumerGroupOffsetsOptions, NewTopic};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub(super) const USER: &str = "orders";
pub(super) const PASSWORD: &str = "the-password";

pub(super) struct Broker {
    pub(super) server: Server,
    port: u16,
    folder: TempDir,
}

fn java(folder: &Path) -> Command {
    let libs = std::env::var("KAFKA_LIBS").expect("KAFKA_LIBS is the folder with the jars of Kafka");
    let mut command = Command::new("java");
    command
        .args(["-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", &format!("{libs}/*")])
        .current_dir(folder);
    command
}

impl Broker {
    pub(super) async fn start() -> Self {
        Self::start_at([free_port(), free_port(), free_port()], None).await
    }

    /// `ports`: plain, controller, TLS and SASL, if there are certificates.
    pub(super) async fn start_at(ports: [u16; 3], certificates: Option<&TempDir>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [plain, controller, secure] = ports;
        let mut listeners = format!("PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}");
        let mut advertised = format!("PLAINTEXT://127.0.0.1:{plain}");
        let mut more = String::new();
        if let Some(certificates) = certificates {
            listeners += &format!(",SECURE://127.0.0.1:{secure}");
            advertised += &format!(",SECURE://localhost:{secure}");
            let read = |name: &str| std::fs::read_to_string(certificates.path().join(name)).unwrap();
            let store = folder.path().join("keystore.pem");
            std::fs::write(&store, read("key.pem") + &read("cert.pem")).unwrap();
            more = format!(
                "ssl.keystore.type=PEM\nssl.keystore.location={}\nsasl.enabled.mechanisms=SCRAM-SHA-512\n\
                 listener.name.secure.scram-sha-512.sasl.jaas.config=\
                 org.apache.kafka.common.security.scram.ScramLoginModule required;\n",
                store.display()
            );
        }
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners={listeners}\nadvertised.listeners={advertised}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\ngroup.min.session.timeout.ms=1000\nnum.partitions=6\nlog.dirs={}\n{more}",
            folder.path().join("data").display()
        );
        let file = folder.path().join("server.properties");
        std::fs::write(&file, properties).unwrap();
        let mut format = java(folder.path());
        format.args(["kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c"]).arg(&file);
        if certificates.is_some() {
            format.args(["--add-scram", &format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]")]);
        }
        let formatted = format.stdin(Stdio::null()).output().unwrap();
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        let server = Self::run(&folder);
        let broker = Self { server, port: plain, folder };
        broker.answers().await;
        let kafka = krafka::Kafka::builder(broker.address()).connect().await.unwrap();
        let topics = ["orders", "orders.dead"].map(|name| NewTopic::new(name, 6, 1).unwrap());
        let made = kafka.admin().create_topics(topics, CreateTopicsOptions::default()).await.unwrap();
        assert!(made.iter().all(|(_, result)| result.is_ok()), "{made:?}");
        broker
    }

    fn run(folder: &TempDir) -> Server {
        let mut command = java(folder.path());
        Server::start(command.arg("kafka.Kafka").arg(folder.path().join("server.properties")), folder.path())
    }

    async fn answers(&self) {
        listening(self.port).await;
        until("the broker answers", || async { krafka::Kafka::builder(self.address()).connect().await.is_ok() }).await;
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn kill(&mut self) {
        self.server.kill();
    }

    pub(super) async fn restart(&mut self) {
        self.server = Self::run(&self.folder);
        self.answers().await;
    }

    /// Members of a group.
    pub(super) async fn members(&self, group: &str) -> usize {
        let kafka = krafka::Kafka::builder(self.address()).connect().await.unwrap();
        let groups = kafka.admin().describe_consumer_groups([group], DescribeConsumerGroupsOptions::default()).await;
        let groups = groups.unwrap();
        groups.into_values().filter_map(|group| Some(group.ok()?.members.len())).sum()
    }

    /// What a group has committed of a topic, all partitions together.
    pub(super) async fn committed(&self, group: &str, topic: &str) -> i64 {
        let kafka = krafka::Kafka::builder(self.address()).connect().await.unwrap();
        let offsets =
            kafka.admin().list_consumer_group_offsets(group, ListConsumerGroupOffsetsOptions::default()).await;
        let all = offsets.unwrap().into_iter().filter(|(partition, _)| partition.topic() == topic);
        all.map(|(_, offset)| offset.unwrap().offset.unwrap_or(0)).sum()
    }
}
