//! What the disk does by itself: a sequential write, synced at its end.

use crate::clock::Moment;
use anyhow::Result;
use std::io::Write as _;
use std::path::Path;

/// Bytes a second of files of this size, one after the other, each synced.
///
/// # Errors
/// When the disk refuses.
pub fn synced_write(folder: &Path, size: usize, files: u32) -> Result<f64> {
    let block = vec![0x5a; 1 << 20];
    let begun = Moment::now();
    let mut written = 0;
    for n in 0..files {
        let path = folder.join(format!("disk-{n}"));
        let mut file = std::fs::File::create(&path)?;
        let mut left = size;
        while left > 0 {
            let piece = left.min(block.len());
            file.write_all(&block[..piece])?;
            left -= piece;
        }
        file.sync_data()?;
        written += size;
    }
    let took = begun.elapsed().as_secs_f64();
    for n in 0..files {
        std::fs::remove_file(folder.join(format!("disk-{n}")))?;
    }
    Ok(written as f64 / took)
}
