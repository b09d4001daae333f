//! `log export`: everything that is found, in a file.

use super::Filters;
use crate::failure::Failure;
use crate::session::Session;
use aws_lc_rs::digest::{Context, SHA256};
use careplan_certs::folder::sync_folder;
use careplan_protocol::api::LogQuery;
use careplan_protocol::routes;
use clap::ValueEnum;
use std::io::Write as _;
use std::path::Path;

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
) -> Result<(), Failure> {
    let format = match (format, session.output.json) {
        (Format::Json, _) | (_, true) => "json",
        (Format::Csv, false) => "csv",
    };
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
    let beside = out.with_extension("part");
    let failed = |why| Failure::file(&beside, why);
    let mut file = std::fs::File::create(&beside).map_err(failed)?;
    let (mut digest, mut bytes) = (Context::new(&SHA256), 0);
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        file.write_all(&chunk).map_err(failed)?;
        digest.update(&chunk);
        bytes += chunk.len();
    }
    file.sync_all().map_err(failed)?;
    std::fs::rename(&beside, out).map_err(|why| Failure::file(out, why))?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_folder(folder)?;
    let digest: String = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    session.output.remark(&format!("wrote {} ({bytes} bytes, SHA-256 {digest})", out.display()));
    Ok(())
}
