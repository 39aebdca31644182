//! Files that change, as the kubelet, editors and accidents change them.

#![cfg(unix)]

use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

fn files() -> Files {
    Files { counts: Arc::default(), control: runtime::Handle::current(), poll: Duration::from_millis(5) }
}

/// A volume of a Secret as the kubelet lays it out: `name -> ..data/name`, `..data -> ..N`.
struct Volume {
    folder: tempfile::TempDir,
    version: std::cell::Cell<u32>,
}

impl Volume {
    fn new(contents: &[(&str, &str)]) -> Self {
        let volume = Self { folder: tempfile::tempdir().unwrap(), version: std::cell::Cell::new(0) };
        volume.swap(contents);
        for (name, _) in contents {
            symlink(Path::new("..data").join(name), volume.path(name)).unwrap();
        }
        volume
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a new version beside the old one, then swaps the link in one step.
    fn swap(&self, contents: &[(&str, &str)]) {
        let version = self.version.replace(self.version.get() + 1);
        let name = format!("..{version}");
        fs::create_dir(self.path(&name)).unwrap();
        for (file, text) in contents {
            fs::write(self.path(&name).join(file), text).unwrap();
        }
        symlink(&name, self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        if version > 0 {
            fs::remove_dir_all(self.path(&format!("..{}", version - 1))).unwrap();
        }
    }
}

/// A number, written once in each file.
fn number(contents: &[Vec<u8>]) -> anyhow::Result<u32> {
    let numbers: Vec<u32> =
        contents.iter().map(|text| Ok(std::str::from_utf8(text)?.trim().parse()?)).collect::<anyhow::Result<_>>()?;
    anyhow::ensure!(numbers.iter().all(|number| *number == numbers[0]), "of two versions: {numbers:?}");
    Ok(numbers[0])
}

/// Waits until the value is this one.
async fn until(value: &Reloaded<u32>, expected: u32) {
    while *value.get() != expected {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_of_the_symlink_is_seen_and_never_mixes_two_versions() {
    let text = |number: u32| number.to_string();
    let both = |number: u32| [("tls.crt", text(number)), ("tls.key", text(number))];
    fn borrowed<'a>(both: &'a [(&'a str, String); 2]) -> [(&'a str, &'a str); 2] {
        [(both[0].0, both[0].1.as_str()), (both[1].0, both[1].1.as_str())]
    }
    let volume = Volume::new(&borrowed(&both(0)));
    let files = files();
    let paths = vec![volume.path("tls.crt"), volume.path("tls.key")];
    let value = files.open("tls.cert_file", paths, number).unwrap();
    let reader = value.clone();
    // Under load: values only ever grow, and each is whole, or `number` would have refused it.
    let reading = tokio::task::spawn_blocking(move || {
        let (mut last, began) = (0, Instant::now());
        while last < 20 && began.elapsed() < Duration::from_secs(600) {
            let now = *reader.get();
            assert!(now >= last, "back from {last} to {now}");
            last = now;
        }
        last
    });
    for version in 1..=20 {
        volume.swap(&borrowed(&both(version)));
        until(&value, version).await;
    }
    assert_eq!(reading.await.unwrap(), 20);
    assert_eq!(
        files.counts(),
        [Counts { key: "tls.cert_file".to_owned(), loaded: 20, failed: 0, stale: false }],
        "each version was read once"
    );
}

#[test]
fn files_that_change_while_they_are_read_are_never_mixed() {
    let text = |number: u32| [("tls.crt", number.to_string()), ("tls.key", number.to_string())];
    let volume = Volume::new(&[("tls.crt", "0"), ("tls.key", "0")]);
    let paths = [volume.path("tls.crt"), volume.path("tls.key")];
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut whole = 0;
            while whole < 300 {
                match load(&paths, &number) {
                    (_, Ok(_)) => whole += 1,
                    (_, Err(error)) => assert!(!error.to_string().contains("of two versions"), "{error}"),
                }
            }
            over.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        for version in 1.. {
            if over.load(std::sync::atomic::Ordering::SeqCst) || reader.is_finished() {
                break;
            }
            let [(cert, one), (key, other)] = &text(version);
            volume.swap(&[(cert, one), (key, other)]);
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_version_keeps_the_old_one_and_is_counted_once() {
    let volume = Volume::new(&[("token", "1")]);
    let files = files();
    let value = files.open("admin.token_file", vec![volume.path("token")], number).unwrap();
    volume.swap(&[("token", "broken")]);
    while !files.counts()[0].stale {
        sleep(Duration::from_millis(1)).await;
    }
    sleep(20 * files.poll).await;
    assert_eq!(
        (*value.get(), files.counts()[0].failed),
        (1, 1),
        "once for this version, however often it is looked at"
    );

    fs::remove_file(volume.path("token")).unwrap();
    while files.counts()[0].failed < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(*value.get(), 1, "a file that is gone changes nothing either");

    symlink("..data/token", volume.path("token")).unwrap();
    volume.swap(&[("token", "2")]);
    until(&value, 2).await;
    assert!(!files.counts()[0].stale);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_in_place_and_a_rename_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "1").unwrap();
    let mut value = files().open("admin.token_file", vec![path.clone()], number).unwrap();
    fs::write(&path, "2").unwrap();
    assert_eq!(*value.changed().await, 2);
    fs::write(folder.path().join("new"), "3").unwrap();
    fs::rename(folder.path().join("new"), &path).unwrap();
    assert_eq!(*value.changed().await, 3);
}

#[tokio::test]
async fn what_cannot_be_read_at_the_start_is_an_error_that_names_key_and_file() {
    let files = files();
    let error = files.open("admin.token_file", vec!["/nowhere/token".into()], number).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.starts_with("admin.token_file: /nowhere/token: cannot open /nowhere/token: "), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    fs::write(&path, vec![b'1'; 2 << 20]).unwrap();
    let error = format!("{:#}", files.open("key", vec![path], number).unwrap_err());
    assert!(error.contains("more than 1048576 bytes"), "{error}");
    assert_eq!(files.counts(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_ends_with_the_last_handle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "1").unwrap();
    let held = Arc::new(());
    let parse = {
        let held = Arc::clone(&held);
        move |contents: &[Vec<u8>]| {
            let _ = &held;
            number(contents)
        }
    };
    let value = files().open("key", vec![path], parse).unwrap();
    drop(value.clone());
    assert_eq!(Arc::strong_count(&held), 2);
    drop(value);
    while Arc::strong_count(&held) > 1 {
        sleep(Duration::from_millis(1)).await;
    }
}
