"""How the page of an evaluation looks. Nothing is loaded from anywhere."""

from __future__ import annotations

from typing import Final

STYLE: Final = """\
:root { --paper: #ffffff; --ink: #1d2329; --quiet: #5b6670; --line: #d9dee3; --card: #f4f6f8; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181c; --ink: #e4e8ec; --quiet: #9aa5b0; --line: #333b43; --card: #1d2329; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { max-width: 48rem; margin: .5rem 0; }
code { overflow-wrap: anywhere; }
.note { border-left: 4px solid #e6821e; padding: .25rem .75rem; background: var(--card); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .5rem;
  margin: 1rem 0; }
.tile { background: var(--card); border-radius: .5rem; padding: .6rem .75rem; display: grid; }
.tile span, .tile small { color: var(--quiet); }
.tile b { font-size: 1.5rem; font-variant-numeric: tabular-nums; line-height: 1.3; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: 1rem; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; align-items: start; }
@media (min-width: 60rem) { .columns { grid-template-columns: 24rem minmax(0, 1fr); } }
figure { margin: 0; }
figcaption { font-weight: 600; margin-bottom: .25rem; }
figure svg { width: 100%; max-width: 26rem; height: auto; display: block; }
summary { cursor: pointer; padding: .5rem 0; font-weight: 600; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .87rem; }
th, td { padding: .25rem .55rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
thead th { color: var(--quiet); font-weight: 600; vertical-align: bottom; white-space: normal; }
tbody th { font-weight: 500; }
tr.quiet > * { color: var(--quiet); }
@media (max-width: 30rem) { tbody th { white-space: normal; min-width: 7.5rem; max-width: 9.5rem; } }
@media print { summary { cursor: pointer; padding: .5rem 0; font-weight: 600; }
.scroll { overflow: visible; } }
"""
