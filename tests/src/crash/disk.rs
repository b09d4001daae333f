//! A disk whose power can be cut: ext4 in a file on a loop device. `EXT4_IOC_SHUTDOWN` with NOLOGFLUSH stops it so that
//! nothing reaches it any more; what was not synced by then is gone. It does not model a drive that loses its own cache.

use super::house::run;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The disk, mounted at a folder.
#[derive(Debug)]
pub struct LoopDisk {
    image: PathBuf,
    mounted: PathBuf,
}

impl LoopDisk {
    /// Why there can be none here, if there cannot.
    pub fn missing() -> Option<&'static str> {
        let id = Command::new("id").arg("-u").output();
        if !id.is_ok_and(|id| id.stdout.trim_ascii() == b"0") {
            return Some("not root");
        }
        if !Path::new("/dev/loop-control").exists() {
            return Some("no loop devices");
        }
        let have = |program: &str| Command::new(program).arg("-V").output().is_ok();
        if !have("mkfs.ext4") || !have("mount") || !have("python3") {
            return Some("mkfs.ext4, mount or python3 is missing");
        }
        None
    }

    /// Makes the disk and mounts it at a folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(image: &Path, mounted: &Path) -> Result<Self> {
        Self::of_size(image, mounted, SIZE)
    }

    /// The same of so many bytes.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn of_size(image: &Path, mounted: &Path, bytes: u64) -> Result<Self> {
        std::fs::File::create(image)?.set_len(bytes)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image))?;
        let disk = Self { image: image.to_owned(), mounted: mounted.to_owned() };
        disk.mount()?;
        Ok(disk)
    }

    /// Cuts the power: from now on nothing reaches the disk.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn cut_power(&self) -> Result<()> {
        let program = "import fcntl, os, struct, sys\n\
                       fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        run(Command::new("python3").args(["-c", program]).arg(&self.mounted))
    }

    /// Lets it break as after an error of its own: from now on the system only reads from it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn break_off(&self) -> Result<()> {
        run(Command::new("mount").args(["-o", "remount,abort"]).arg(&self.mounted))
    }

    /// Mounts it again, as after a boot: what is read comes from the disk.
    ///
    /// # Errors
    /// When it is still in use, or does not come back.
    pub fn remount(&self) -> Result<()> {
        for _ in 0..100 {
            if run(Command::new("umount").arg(&self.mounted)).is_ok() {
                return self.mount();
            }
            // The last thread of the killed process may still hold a file.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        bail!("{} stays in use", self.mounted.display())
    }

    fn mount(&self) -> Result<()> {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mounted))
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = run(Command::new("umount").arg("-l").arg(&self.mounted));
    }
}

const SIZE: u64 = 1 << 30;
