use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A kubeconfig with one context `it`, whose cluster and user have these lines.
fn access(folder: &tempfile::TempDir, cluster: &str, user: &str) -> Access {
    let file = folder.path().join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\n\
         clusters: [{{name: c, cluster: {{{cluster}}}}}]\n\
         users: [{{name: u, user: {{{user}}}}}]\n\
         contexts: [{{name: it, context: {{cluster: c, user: u, namespace: shop}}}}]\n"
    );
    std::fs::write(&file, text).expect("written");
    Access { kubeconfig: Some(file), context: "it".to_owned(), namespace: None }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The first bytes that come to this listener, up to an empty line if they are text.
async fn heard(listener: TcpListener, answer: &[u8]) -> String {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") && bytes.first() != Some(&5) {
        assert!(stream.read_buf(&mut bytes).await.expect("bytes") > 0, "it hung up");
    }
    stream.write_all(answer).await.expect("written");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the program at `address` in the kubeconfig hears when the API server is asked for its version.
async fn asked(access: &Access, listener: TcpListener, answer: &[u8]) -> String {
    let client = connect(access).await.expect("a client").client;
    let (heard, _) = tokio::join!(heard(listener, answer), client.apiserver_version());
    heard
}

async fn listener() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    (listener, address)
}

#[tokio::test]
async fn a_token_file_that_ends_in_a_newline_is_a_token() {
    let (folder, (server, address)) = (folder(), listener().await);
    let token = folder.path().join("token");
    std::fs::write(&token, "abc\n").expect("written");
    let user = format!("token: other, tokenFile: {}", token.display());
    let access = access(&folder, &format!("server: \"http://{address}\""), &user);
    let heard = asked(&access, server, b"HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n").await;
    assert!(heard.starts_with("GET /version HTTP/1.1\r\n"), "{heard}");
    assert!(heard.contains("authorization: Bearer abc\r\n"), "{heard}");
}

#[tokio::test]
async fn a_token_file_that_changed_is_read_again_and_a_broken_one_keeps_the_token() {
    let folder = folder();
    let file = folder.path().join("token");
    let token = |text: &str| {
        std::fs::write(&file, text).expect("written");
        TokenFile::read(file.clone())
    };
    let first = token("one\n").expect("a token");
    let sent = |token: &TokenFile| {
        // As if it had been read long ago.
        token.token.lock().expect("not poisoned").0 = Instant::now().checked_sub(TOKEN_FOR).expect("a running machine");
        let request = token.add(Request::new(Body::empty()));
        request.headers()[header::AUTHORIZATION].to_str().expect("text").to_owned()
    };
    std::fs::write(&file, "two\n").expect("written");
    assert_eq!(sent(&first), "Bearer two");
    std::fs::write(&file, "").expect("written");
    assert_eq!(sent(&first), "Bearer two");
    let problem = |text: &str| format!("{:#}", token(text).err().expect("no token"));
    assert!(problem(" \n").contains("it is empty"));
    assert!(problem("a\nb").contains("more than one line"));
}

#[tokio::test]
async fn proxies_of_the_kubeconfig_are_used() {
    for (scheme, answer, expected) in [
        ("http", &b"HTTP/1.1 502 no\r\ncontent-length: 0\r\n\r\n"[..], "CONNECT 192.0.2.1:6443 HTTP/1.1\r\n"),
        ("socks5", &[5, 255][..], "\u{5}"),
    ] {
        let (folder, (proxy, address)) = (folder(), listener().await);
        let cluster = format!("server: \"https://192.0.2.1:6443\", proxy-url: \"{scheme}://{address}\"");
        let heard = asked(&access(&folder, &cluster, ""), proxy, answer).await;
        assert!(heard.starts_with(expected), "{scheme}: {heard:?}");
    }
}

#[tokio::test]
async fn a_credential_plugin_that_is_missing_or_fails_is_named() {
    let folder = folder();
    let problem = async |command: &str, hint: &str| {
        let user = format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, command: {command}, interactiveMode: Never, \
             provideClusterInfo: false{hint}}}"
        );
        let access = access(&folder, "server: \"https://192.0.2.1:6443\"", &user);
        format!("{:#}", connect(&access).await.err().expect("no credentials"))
    };
    let hint = ", installHint: \"Install it from https://example.com/x.\\n\"";
    assert_eq!(
        problem("no-such-plugin", hint).await,
        "--context it: its credential plugin `no-such-plugin` is not installed here; Install it from https://example.com/x."
    );
    let failed = problem("\"false\"", hint).await;
    assert!(failed.starts_with("--context it: its credential plugin `false` failed: "), "{failed}");
    assert!(!failed.contains("Install") && !failed.contains('\n'), "{failed}");
}

#[tokio::test]
async fn a_context_that_is_not_there_is_answered_with_those_that_are() {
    let folder = folder();
    let access = Access { context: "other".to_owned(), ..access(&folder, "server: \"http://x\"", "") };
    let problem = connect(&access).await.err().expect("no such context");
    assert_eq!(problem.to_string(), "--context other: the kubeconfig has it");
}
