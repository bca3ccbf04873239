/// A page of one file: its style, its pictures and a few lines of script inside; no network, light and dark, prints.
struct HTMLPage {
  private let title: String
  private var body = ""

  init(title: String) { self.title = title }

  var text: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(SVGWriter.escaped(title))</title>
    <style>\(Self.css)\(FigureStyle.css)</style>
    </head>
    <body>
    <main>
    \(body)</main>
    <div id="tip" hidden></div>
    <script>\(Self.script)</script>
    </body>
    </html>

    """
  }

  mutating func heading(_ text: String, level: Int = 2) {
    body += "<h\(level)>\(SVGWriter.escaped(text))</h\(level)>\n"
  }

  mutating func paragraph(_ text: String, style: String = "") {
    let style = style.isEmpty ? "" : " class=\"\(style)\""
    body += "<p\(style)>\(SVGWriter.escaped(text))</p>\n"
  }

  /// Text with its line breaks and columns kept.
  mutating func preformatted(_ text: String) { body += "<pre>\(SVGWriter.escaped(text))</pre>\n" }

  /// A picture; wide ones scroll.
  mutating func figure(_ svg: String) { body += "<figure>\n\(svg)</figure>\n" }

  /// Something long that opens on a click.
  mutating func details(_ summary: String, _ fill: (inout HTMLPage) -> Void) {
    var inner = HTMLPage(title: "")
    fill(&inner)
    body += "<details><summary>\(SVGWriter.escaped(summary))</summary>\n\(inner.body)</details>\n"
  }

  /// Big numbers in a row: what the page is about.
  mutating func facts(_ facts: [(value: String, meaning: String)]) {
    body += "<dl class=\"facts\">\n"
    for fact in facts {
      body +=
        "<div><dd>\(SVGWriter.escaped(fact.value))</dd><dt>\(SVGWriter.escaped(fact.meaning))</dt></div>\n"
    }
    body += "</dl>\n"
  }

  /// - Parameter numeric: columns set to the right.
  mutating func table(_ head: [String], _ rows: [[String]], numeric: Set<Int> = []) {
    func cells(_ texts: [String], _ tag: String) -> String {
      texts.enumerated().map { place, text in
        "<\(tag)\(numeric.contains(place) ? " class=\"n\"" : "")>\(SVGWriter.escaped(text))</\(tag)>"
      }.joined()
    }
    body += "<div class=\"wide\"><table>\n<thead><tr>\(cells(head, "th"))</tr></thead>\n<tbody>\n"
    for row in rows { body += "<tr>\(cells(row, "td"))</tr>\n" }
    body += "</tbody></table></div>\n"
  }

  private static let css = """
    :root{--ink:#1a1f26;--dim:#59636e;--page:#ffffff;--line:#dfe3e8;--soft:#f5f7f9}
    @media (prefers-color-scheme:dark){:root{--ink:#e8ebee;--dim:#a0a9b2;--page:#14181d;--line:#2f363e;--soft:#1b2026}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
    main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
    h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:36px 0 10px;padding-top:14px;border-top:1px solid var(--line)}
    p{margin:6px 0}.dim{color:var(--dim)}
    pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:12px;overflow-x:auto;font:12.5px/1.45 ui-monospace,'DejaVu Sans Mono',monospace}
    figure{margin:12px 0;overflow-x:auto}figure svg{display:block;height:auto;max-width:100%}figure svg.fig{width:100%}
    .wide{overflow-x:auto}table{border-collapse:collapse;font-size:13.5px}
    th,td{text-align:left;padding:4px 14px 4px 0;border-bottom:1px solid var(--line);white-space:nowrap}
    th{color:var(--dim);font-weight:500}.n{text-align:right;font-variant-numeric:tabular-nums}
    .facts{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0}
    .facts div{background:var(--soft);border:1px solid var(--line);border-radius:8px;padding:10px 16px;min-width:130px}
    .facts dd{margin:0;font-size:20px;font-weight:600}.facts dt{color:var(--dim);font-size:12.5px}
    details{margin:12px 0}summary{cursor:pointer;color:var(--dim)}
    #tip{position:fixed;max-width:340px;padding:5px 9px;border-radius:5px;background:var(--ink);color:var(--page);font-size:12.5px;pointer-events:none}
    @media print{main{max-width:none;padding:0}h2{break-after:avoid}figure,tr{break-inside:avoid}pre{white-space:pre-wrap;font-size:9px}#tip{display:none}
    :root{--ink:#000;--dim:#444;--page:#fff;--line:#ccc;--soft:#fff}}

    """

  /// Shows the hint of what the pointer is on at once; without script, the browser's own tooltip appears.
  private static let script = """
    const t=document.getElementById('tip');document.querySelectorAll('[data-tip]>title').forEach(e=>e.remove());
    addEventListener('pointermove',e=>{const h=e.target.closest&&e.target.closest('[data-tip]');t.hidden=!h;if(h){
    t.textContent=h.dataset.tip;const w=t.offsetWidth;t.style.left=Math.min(e.clientX+14,innerWidth-w-8)+'px';
    t.style.top=Math.min(e.clientY+14,innerHeight-t.offsetHeight-8)+'px'}});
    """
}
