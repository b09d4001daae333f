//! `log export`: everything that is found, in a file.

use super::Filters;
use crate::failure::Failure;
use crate::session::Session;
use aws_lc_rs::digest::{Context, SHA256};
use careplan_certs::folder::sync_folder;
use careplan_protocol::api::LogQuery;
use careplan_protocol::routes;
use clap::ValueEnum;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// How to write an export.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Json,
}

/// The hub's bytes go through as they are: it escapes what a spreadsheet would take for a formula.
pub(super) async fn run(
    session: &Session,
    filters: Filters,
    format: Format,
    out: Option<&Path>,
    force: bool,
) -> Result<(), Failure> {
    let format = match (format, session.output.json) {
        (Format::Json, _) | (_, true) => "json",
        (Format::Csv, false) => "csv",
    };
    if let Some(out) = out.filter(|out| out.exists() && !force) {
        return Err(Failure::Refused(format!("{} is there already: --force replaces it", out.display())));
    }
    let query = LogQuery { format: Some(format.to_owned()), ..LogQuery::from(filters) };
    let hub = session.hub()?;
    let mut answer = hub.connection().open(routes::LOG_EXPORT, &query).await?;
    let broken = |why| Failure::Hub(careplan_client::connection::Error::from(why));
    let Some(out) = out else {
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            if !session.output.bytes(&chunk)? {
                break;
            }
        }
        return Ok(());
    };
    let mut target = Target::open(out, force)?;
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        target.write(&chunk)?;
    }
    session.output.remark(&target.finish()?);
    Ok(())
}

/// A file that is written beside its place, for its owner only, and put there whole.
struct Target<'a> {
    out: &'a Path,
    beside: PathBuf,
    file: File,
    digest: Context,
    bytes: usize,
}

impl<'a> Target<'a> {
    /// Begins it.
    fn open(out: &'a Path, force: bool) -> Result<Self, Failure> {
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let beside = out.with_file_name(name);
        if force {
            let _ = std::fs::remove_file(&beside);
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let file = options.open(&beside).map_err(|why| match why.kind() {
            ErrorKind::AlreadyExists => Failure::Refused(format!(
                "{} is there: an export that broke off left it, or one is running. Remove it, or --force",
                beside.display()
            )),
            _ => Failure::file(&beside, why),
        })?;
        Ok(Self { out, beside, file, digest: Context::new(&SHA256), bytes: 0 })
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.file.write_all(chunk).map_err(|why| Failure::file(&self.beside, why))?;
        self.digest.update(chunk);
        self.bytes += chunk.len();
        Ok(())
    }

    /// Puts it in its place; what was written.
    fn finish(self) -> Result<String, Failure> {
        let Self { out, beside, file, digest, bytes } = self;
        file.sync_all().map_err(|why| Failure::file(&beside, why))?;
        std::fs::rename(&beside, out).map_err(|why| Failure::file(out, why))?;
        let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_folder(folder)?;
        let digest: String = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("wrote {} ({bytes} bytes, SHA-256 {digest})", out.display()))
    }
}
