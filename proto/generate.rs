//! Generates the code for the files of this folder: `make proto`. It needs no `protoc`.
//!
//! What comes out is committed, so that a build of the service needs none of this. A test compares.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FILES: [&str; 2] = ["lameduck/sample/v1/sample.proto", "lameduck/bench/v1/bench.proto"];
const SERVER: &str = "src/grpc/generated";
const CLIENT: &str = "tests/it/grpc/generated";

/// What to write, by path from `root`: the server's side, a client for the tests, and the descriptors for reflection.
pub fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = root.join("proto");
    let compile = |comments: bool| {
        let mut compiler = protox::Compiler::new([&folder]).expect("the folder can be read");
        compiler.include_imports(true).include_source_info(comments);
        compiler.open_files(FILES).unwrap_or_else(|error| panic!("{error:?}"));
        compiler
    };
    let mut files = BTreeMap::new();
    for (target, server) in [(SERVER, true), (CLIENT, false)] {
        let out = tempfile::tempdir().expect("a temporary folder");
        let builder = tonic_prost_build::configure().build_server(server).build_client(!server).out_dir(out.path());
        builder.compile_fds(compile(true).file_descriptor_set()).expect("code can be generated");
        for entry in std::fs::read_dir(out.path()).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            // What the well-known types come to is prost's own.
            let Some(name) = path.file_name().filter(|name| name.to_string_lossy().starts_with("lameduck.")) else {
                continue;
            };
            files.insert(Path::new(target).join(name), std::fs::read(&path).expect("the file can be read"));
        }
    }
    files.insert(Path::new(SERVER).join("descriptors.bin"), compile(false).encode_file_descriptor_set());
    files
}

/// Writes them.
#[cfg_attr(test, expect(dead_code, reason = "the test only compares"))]
fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, content) in files(root) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder can be made");
        std::fs::write(&path, content).expect("the file can be written");
    }
}
