"""A measurement as one HTML file that needs nothing from anywhere."""

from html import escape

from .measure_plots import pictures, svg
from .measure_report import remarks, rows, title

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 2rem auto;
       max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.45rem; line-height: 1.25; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .28rem .8rem .28rem 0;
         border-bottom: 1px solid #e4e4e4; }
th { font-weight: 600; white-space: nowrap; } td.figure { font-variant-numeric: tabular-nums; }
.how { color: #555; font-size: .88em; } pre { white-space: pre-wrap; background: #f6f6f6;
       padding: .7rem; } svg { width: 100%; height: auto; }
.remark { border-left: 4px solid #cc3311; background: #fdf3f1; padding: .4rem .8rem; }
"""
CAPTIONS = {
    "power": "Power over time",
    "rates": "Tokens a second of each pass, by this computer's clock",
    "latencies": "From token to token",
    "boxes": "Where the clocks went",
}
_HERE = {"power": ": no board's, but of whatever the meter is attached to",
         "rates": ", of the program that stands in for a board",
         "latencies": ", of the program that stands in for a board"}
OF_NO_BOARD = {"golden": _HERE, "simulated": _HERE, "board": {}}
NO_BOXES = {
    "golden": "The golden model has no boxes: it counts no clocks.",
    "simulated": "Nothing was counted.", "board": "Nothing was counted.",
}


def figures_table(found):
    """A row a figure."""
    cells = "".join(
        f'<tr><th>{escape(name)}</th><td class="figure">{escape(figure)}</td>'
        f'<td>{escape(provenance)}</td><td class="how">{escape(how)}</td></tr>'
        for name, figure, provenance, how in rows(found))
    return ('<table><tr><th>figure</th><th>median (least to most)</th><th>provenance</th>'
            f"<th>how</th></tr>{cells}</table>")


def conditions_table(found):
    """What somebody needs to do the same again."""
    host = found["host"]
    facts = {
        "command": found["command"],
        "commit": found["commit"] or "not in a repository",
        "date": found["created"],
        "this computer": f"{host['processor']}, {host['system']}, Python {host['python']}",
        "machine": f"{found['board']}, preset {found['preset']}, "
                   f"{found['counted']['clock_hz'] / 1e6:g} MHz"
                   + (f", memory {found['memory']}" if found["memory"] else ""),
        "model": found["model"],
        "prompt": f"{found['prompt']!r}, {found['prompt_tokens']} tokens",
        "a pass": f"{found['tokens']} tokens, temperature {found['temperature']}, seed "
                  f"{found['seed']}",
        "meter": f"{found['meter']['name']}, {found['meter']['samples']:,} samples"
                 if found["meter"] else "none",
    }
    return "<table>" + "".join(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
                               for name, value in facts.items()) + "</table>"


def plots(found):
    """Each picture under its heading, and a word where there is none."""
    drawn = pictures(found)
    parts = [f"<h2>{escape(CAPTIONS[name] + OF_NO_BOARD[found['source']].get(name, ''))}</h2>"
             f"{svg(figure, name)}" for name, figure in drawn.items()]
    if "boxes" not in drawn:
        parts.append(f"<h2>{escape(CAPTIONS['boxes'])}</h2><p>"
                     f"{escape(NO_BOXES[found['source']])}</p>")
    return "".join(parts)


def page(found):
    """The HTML text of the object that host/measure.py writes."""
    said = "".join(f'<p class="remark">{escape(line)}</p>' for line in remarks(found))
    text = f"<h2>What it wrote</h2><pre>{escape(found['prompt'] + found['text'])}</pre>" \
        if found["text"] else ""
    return (f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            f"<title>{escape(title(found))}</title><style>{STYLE}</style></head><body>"
            f"<h1>{escape(title(found))}</h1>{said}{figures_table(found)}{plots(found)}"
            f"<h2>How it was done</h2>{conditions_table(found)}{text}</body></html>\n")
