//! `lameduck::run` where it cannot run.

use lameduck::Service;
use std::process::ExitCode;

#[tokio::test]
async fn inside_a_runtime_it_refuses_instead_of_panicking() {
    let code = lameduck::run(Service::new("test"));
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)));
}
