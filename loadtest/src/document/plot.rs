//! Plots as inline SVG: bars for hub and peer with their spread, and the latency by quantile.

use super::html::escaped;
use crate::row::{Row, rounded};
use std::fmt::Write as _;

/// A bar for the hub and one for the peer, to the same scale.
pub(super) fn bars(row: &Row) -> String {
    let bars = [("hub", HUB, Some(row.value), Some(row.spread)), ("peer", PEER, row.peer_value, row.peer_spread)];
    let most = row.spread[1].max(row.value).max(row.peer_spread.map_or(0.0, |spread| spread[1]));
    if most <= 0.0 {
        return String::new();
    }
    let at = |value: f64| BAR_LEFT + value / most * BAR_WIDTH;
    let mut svg = format!("<svg width=\"760\" height=\"64\" role=\"img\" aria-label=\"{}\">", escaped(&row.work));
    for (place, (name, colour, value, spread)) in bars.into_iter().enumerate() {
        let (Some(value), top) = (value, 4 + place * 30) else { continue };
        let width = at(value) - BAR_LEFT;
        let middle = top + 11;
        let _ = write!(svg, "<text x=\"0\" y=\"{}\">{name}</text>", top + 15);
        let _ =
            write!(svg, "<rect x=\"{BAR_LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"22\" fill=\"{colour}\"/>");
        if let Some([low, high]) = spread {
            let (low, high) = (at(low), at(high));
            let _ = write!(svg, "<path d=\"M{low:.1} {middle}H{high:.1}\" stroke=\"#1c2733\" stroke-width=\"2\"/>");
        }
        let _ =
            write!(svg, "<text x=\"{:.1}\" y=\"{}\">{}</text>", BAR_LEFT + BAR_WIDTH + 8.0, top + 15, rounded(value));
    }
    svg + "</svg>"
}

/// Milliseconds by quantile, both axes in steps of ten times: the tail is what matters.
pub(super) fn latency(row: &Row) -> String {
    let curves = [(HUB, &row.latency), (PEER, &row.peer_latency)];
    let values = || curves.iter().flat_map(|(_, curve)| curve.iter().map(|point| point[1].max(0.01)));
    if row.latency.is_empty() {
        return String::new();
    }
    let low = values().fold(f64::MAX, f64::min).log10().floor();
    let high = values().fold(0.0, f64::max).log10().ceil().max(low + 1.0);
    let y = |ms: f64| TOP + (high - ms.max(0.01).log10()) / (high - low) * HEIGHT;
    let x = |quantile: f64| LEFT + (1.0 - quantile).max(1e-4).log10().abs() / 4.0 * WIDTH;
    let mut svg = String::from("<svg width=\"760\" height=\"230\" role=\"img\" aria-label=\"latency by quantile\">");
    for power in (low as i32)..=(high as i32) {
        let (at, ms) = (y(10_f64.powi(power)), 10_f64.powi(power));
        let _ = write!(
            svg,
            "<path d=\"M{LEFT} {at:.1}h{WIDTH}\" stroke=\"#c9d3dc\"/><text x=\"0\" y=\"{:.1}\">{ms} ms</text>",
            at + 4.0
        );
    }
    for (quantile, name) in [(0.0, "min"), (0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"), (1.0, "max")] {
        let _ = write!(svg, "<text x=\"{:.1}\" y=\"222\">{name}</text>", x(quantile) - 10.0);
    }
    for (colour, curve) in curves {
        let points: Vec<String> = curve.iter().map(|[at, ms]| format!("{:.1},{:.1}", x(*at), y(*ms))).collect();
        let _ = write!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
    }
    svg + "</svg>"
}

const HUB: &str = "#2f6f9f";
const PEER: &str = "#c77f3a";
const BAR_LEFT: f64 = 60.0;
const BAR_WIDTH: f64 = 600.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 10.0;
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 190.0;
