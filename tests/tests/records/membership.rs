//! `careplan membership`: the certificate of use says what is signed, and nothing in it can be changed unseen.

use crate::month::{Small, small};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;

#[tokio::test]
async fn a_certificate_of_use_has_period_counts_and_receipts_and_holds_without_the_hub() -> Result<()> {
    let Small { mut world, plan, .. } = small().await?;
    let accepted_at = plan.outbox("").await?[0].accepted_at;
    let day = careplan_protocol::calendar::day_in_japan(accepted_at);
    let year = if day.month() >= 4 { day.year() } else { day.year() - 1 };
    let into = world.path("records").display().to_string();
    let arguments = ["--lang", "ja", "membership", "--fiscal-year", &year.to_string(), "--into", &into];
    let made = plan.careplan_json(arguments).await?;
    let file = made["file"].as_str().context("a file")?.to_owned();
    let page = std::fs::read_to_string(&file)?;
    for wanted in ["利用証明書", "事業所の登録", "ライセンスの付与・更新", "署名されているのは受領証だけです"]
    {
        ensure!(page.contains(wanted), "{wanted}");
    }
    let counts =
        "<td class=\"number\">3</td><td class=\"number\">10</td><td class=\"number\">1</td><td class=\"number\">1</td>";
    ensure!(page.contains(counts), "three sent with ten files, one received");
    ensure!(made["receipts"] == 2 && made["months"] == 1, "{made}");
    if let Some(folder) = std::env::var_os("CAREPLAN_KEEP_PAGES") {
        std::fs::copy(&file, Path::new(&folder).join("membership.html"))?;
    }
    world.hub.kill().await?;
    let held = plan.careplan_json(["evidence", "verify", &file]).await?;
    ensure!(held["valid"] == true && held["keys"][0]["trust"] == "known", "{held:#}");
    plan.careplan(["evidence", "verify", &file, "--key", &"0".repeat(64)]).await?.exited(1)?;
    let forged = world.path("forged.html");
    std::fs::write(&forged, page.replacen("<td class=\"number\">3</td>", "<td class=\"number\">4</td>", 1))?;
    plan.careplan(["evidence", "verify", &forged.display().to_string()]).await?.exited(1)?;
    Ok(())
}
