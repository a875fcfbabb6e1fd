#include "harness/report/html_sections.hpp"

namespace rackproof::harness::report {
namespace {

// Attainment steps a0..a4 are one blue, light to dark (dark to light in the dark): readable without
// colour vision and on paper. Series colours are those of Okabe and Ito, "Color Universal Design".
constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark;
  --paper: #fbfbfa; --card: #ffffff; --ink: #1b1f24; --soft: #59636e; --line: #dfe3e7; --faint: #c3cad1;
  --accent: #1f5fa8; --track: #e9edf1; --amber-bg: #fff4d6; --amber: #7a4f00; --amber-line: #e6b84a;
  --bad-bg: #fde8e6; --bad: #a3211b; --good: #1d6b3f; --good-bg: #e3f3e9;
  --a0: #e3eefa; --a1: #b5d3f0; --a2: #77afe0; --a3: #3380c2; --a4: #0b4f8f;
  --t0: #123; --t1: #123; --t2: #0a1c2e; --t3: #fff; --t4: #fff; --ring: #d95f02;
  --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --s3: #cc79a7; --s4: #e69f00; --s5: #56b4e9; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171a; --card: #1c2024; --ink: #e7eaed; --soft: #9aa5b1; --line: #32383f; --faint: #4a525b;
  --accent: #7db7f2; --track: #2a3036; --amber-bg: #3a2e0f; --amber: #ffd98a; --amber-line: #8a6a1c;
  --bad-bg: #43201e; --bad: #ff9d95; --good: #86d8a6; --good-bg: #1b3526;
  --a0: #1d3145; --a1: #234d77; --a2: #2f74b5; --a3: #6aaee8; --a4: #bfe0ff;
  --t0: #dfe9f3; --t1: #fff; --t2: #fff; --t3: #06121d; --t4: #06121d; --ring: #ff9a4d;
  --s0: #4fb3f0; --s1: #ff8f4a; --s2: #3ecf9f; --s3: #e6a2c8; --s4: #f3c04f; --s5: #8fd0f7; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 2px 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 20px; margin: 44px 0 6px; padding-top: 14px; border-top: 1px solid var(--line); }
h3 { font-size: 15px; margin: 22px 0 8px; overflow-wrap: anywhere; }
p { margin: 6px 0 12px; max-width: 76ch; }
a { color: var(--accent); }
code, .mono, h3 { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono",
  monospace; }
code, .mono { font-size: 0.9em; }
.over { color: var(--soft); font-size: 13px; letter-spacing: 0.06em; text-transform: uppercase; }
.soft, .missing { color: var(--soft); }
.small { font-size: 12.5px; }
.aloud { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 14px 0 0; font-size: 14px; }
nav a { text-decoration: none; } nav a:hover { text-decoration: underline; }
.banner { margin: 18px 0; padding: 12px 16px; border: 1px solid var(--amber-line);
  border-left-width: 5px; border-radius: 6px; background: var(--amber-bg); color: var(--amber); }
.banner strong { display: block; }
.banner.bad { border-color: var(--bad); background: var(--bad-bg); color: var(--bad); }
.banner ul { margin: 4px 0 0; padding-left: 20px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px;
  margin: 20px 0 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 14px; }
.tile b { display: block; font-size: 22px; line-height: 1.25; font-weight: 650;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.tile b small { font-size: 13px; font-weight: 500; color: var(--soft); }
.tile span { color: var(--soft); font-size: 12.5px; display: block; overflow-wrap: anywhere; }
.badge { font: 600 11px/1 system-ui, "DejaVu Sans", sans-serif; letter-spacing: 0.03em;
  padding: 3px 7px; border-radius: 99px; vertical-align: middle; white-space: nowrap;
  border: 1px solid var(--line); color: var(--soft); }
.badge.modelled { background: var(--amber-bg); color: var(--amber);
  border-color: var(--amber-line); }
.badge.measured, .badge.ok { background: var(--good-bg); color: var(--good);
  border-color: transparent; }
.badge.bad { background: var(--bad-bg); color: var(--bad); border-color: transparent; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; background: var(--card); font-size: 13.5px;
  border: 1px solid var(--line); border-radius: 8px; }
th, td { padding: 7px 10px; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
tr:last-child > * { border-bottom: 0; }
thead th { font-weight: 600; font-size: 12px; color: var(--soft); vertical-align: bottom;
  white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td .name { overflow-wrap: normal; font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 12.5px; }
td:first-child .name { display: inline-block; min-width: 27ch; }
table.facts { width: 100%; } table.facts th { width: 13em; font-weight: 500; color: var(--soft); }
table.facts td { overflow-wrap: anywhere; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(380px, 1fr)); gap: 16px;
  align-items: start; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(255px, 1fr)); gap: 14px;
  align-items: start; }
.cards.broad { grid-template-columns: repeat(auto-fill, minmax(380px, 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 14px; max-width: 100%; }
figure { margin: 0; } figure svg { max-width: 100%; height: auto; }
figcaption { font-size: 12px; color: var(--soft); margin-top: 8px; overflow-wrap: anywhere; }
.card h4 { margin: 0 0 8px; font: 600 13px/1.3 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono",
  monospace; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 16px; font-size: 12.5px; color: var(--soft);
  margin: 10px 0 14px; align-items: center; }
.legend svg { vertical-align: -2px; margin-right: 5px; }
svg { display: block; } svg.wide { width: 100%; height: auto; min-width: 620px; } .legend svg, td svg { display: inline-block; }
svg text { font-family: system-ui, "DejaVu Sans", sans-serif; fill: var(--soft); font-size: 11px; }
.g0 { fill: var(--a0); } .g1 { fill: var(--a1); } .g2 { fill: var(--a2); } .g3 { fill: var(--a3); }
.g4 { fill: var(--a4); }
svg text.t { font-size: 10px; text-anchor: middle; font-variant-numeric: tabular-nums; }
svg text.t0 { fill: var(--t0); } svg text.t1 { fill: var(--t1); } svg text.t2 { fill: var(--t2); }
svg text.t3 { fill: var(--t3); } svg text.t4 { fill: var(--t4); }
.absent { fill: none; stroke: var(--faint); stroke-dasharray: 3 2; }
.nofigure { fill: none; stroke: var(--soft); }
.wrong { fill: var(--bad-bg); stroke: var(--bad); stroke-width: 2; }
svg text.wrongtext { fill: var(--bad); font-size: 9px; font-weight: 700; }
.ring { fill: none; stroke: var(--ring); stroke-width: 2; }
.g0, .g1, .g2, .g3, .g4 { stroke: rgba(127, 127, 127, 0.35); stroke-width: 1; }
.track { fill: var(--track); } .bar { fill: var(--a3); } .range { stroke: var(--ink);
  stroke-width: 1.5; }
.grid { stroke: var(--line); } .axis { stroke: var(--soft); }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); }
.s4 { --c: var(--s4); } .s5 { --c: var(--s5); }
.curve { fill: none; stroke: var(--c); stroke-width: 2; } .dashed { stroke-dasharray: 6 4; }
.dot { fill: var(--card); stroke: var(--c); stroke-width: 2; }
svg text.label { fill: var(--c); font-weight: 600; font-size: 12px; }
details { margin: 12px 0; } summary { cursor: pointer; color: var(--accent); font-size: 14px; }
dl { display: grid; grid-template-columns: minmax(8em, max-content) 1fr; gap: 6px 18px; margin: 8px 0;
  max-width: 90ch; } dt { font-weight: 600; } dd { margin: 0; }
footer { margin-top: 48px; color: var(--soft); font-size: 12.5px; }
@media (max-width: 640px) { .cards, .cards.broad { grid-template-columns: 1fr; } main { padding: 18px 14px 40px; } h1 { font-size: 24px; }
  .columns { grid-template-columns: 1fr; } dl { grid-template-columns: 1fr; gap: 2px; }
  dd { margin-bottom: 8px; } }
@media print { :root { --paper: #fff; --line: #bbb; } body { font-size: 11px; }
  main { max-width: none; padding: 0; } nav { display: none; } .scroll { overflow: visible; }
  h2, h3 { break-after: avoid; } .card, .banner, tr, figure { break-inside: avoid; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
)css";

}  // namespace

std::string_view style_sheet() {
  return kStyle;
}

}  // namespace rackproof::harness::report
