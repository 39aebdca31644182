//! The volume of a Secret, as the kubelet keeps it.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// `name -> ..data/name`, `..data -> ..N`.
pub struct Volume {
    folder: tempfile::TempDir,
    version: u32,
}

impl Volume {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let mut volume = Self { folder: tempfile::tempdir().unwrap(), version: 0 };
        volume.swap(files);
        for (name, _) in files {
            symlink(Path::new("..data").join(name), volume.path(name)).unwrap();
        }
        volume
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path as a configuration value.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A new version next to the old one, the link swapped in one step, the old one removed.
    pub fn swap(&mut self, files: &[(&str, &str)]) {
        let old = self.path(&format!("..{}", self.version));
        self.version += 1;
        let folder = format!("..{}", self.version);
        std::fs::create_dir(self.path(&folder)).unwrap();
        for (name, text) in files {
            std::fs::write(self.path(&folder).join(name), text).unwrap();
        }
        symlink(&folder, self.path("..data_tmp")).unwrap();
        std::fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        let _ = std::fs::remove_dir_all(old);
    }
}
