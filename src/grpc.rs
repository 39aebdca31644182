//! The gRPC interface: one file per service. `service.rs` says that it is served; the files in `proto/` say what it is,
//! and `make proto` makes `generated/` of them.

mod bench;
mod error;
mod object;
mod sample;

use crate::settings::Settings;
use crate::store::Store;
use crate::workers::Queue;
use lameduck_grpc::Calls;

/// What tonic makes of the files in `proto/`.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated")]
mod generated {
    pub mod sample {
        include!("grpc/generated/lameduck.sample.v1.rs");
    }
    pub mod bench {
        include!("grpc/generated/lameduck.bench.v1.rs");
    }
}

/// The files in `proto/`, for reflection and for the names of methods in metrics.
const DESCRIPTORS: &[u8] = include_bytes!("grpc/generated/descriptors.bin");

/// The services. Health and reflection are added to them.
pub fn calls(settings: &Settings, queue: Queue, store: Store) -> Calls {
    let calls = Calls::new().describe(DESCRIPTORS).service(sample::server(queue, store));
    if settings.bench { calls.service(bench::server()) } else { calls }
}
