/// Graphviz text, indented, names and labels quoted.
struct DotWriter {
  /// Of lines and labels that lie on the bare page.
  static let plainColour = "#59636e"

  private(set) var lines: [String] = []
  private var depth = 1

  /// The graph has a name, since Graphviz numbers those that have none and the picture would differ from run to run.
  init(name: String) {
    lines = [
      "digraph \(name) {",
      "  graph [rankdir=TB, fontname=\"sans-serif\", fontsize=12, fontcolor=\"\(Self.plainColour)\", bgcolor=white, newrank=true, nodesep=0.3, ranksep=0.35];",
      "  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", fontsize=11, color=\"#8b949e\", fontcolor=\"#1a1f26\", margin=\"0.12,0.06\"];",
      "  edge [fontname=\"sans-serif\", fontsize=10, arrowsize=0.7];",
    ]
  }

  var text: String { lines.joined(separator: "\n") + "\n}\n" }

  mutating func open(_ name: String, label: String, _ style: String) {
    add("subgraph \(name) {")
    depth += 1
    add("label=\(Self.quoted([label])); labeljust=l; \(style);")
  }

  mutating func close() {
    depth -= 1
    add("}")
  }

  mutating func node(_ name: String, label: [String], fill: String) {
    add("\(name) [label=\(Self.quoted(label)), fillcolor=\"\(fill)\"];")
  }

  /// `xlabel`, since Graphviz 2.42 frees a plain label of an edge without constraint twice.
  mutating func edge(_ from: String, _ to: String, _ style: String, label: [String] = []) {
    add("\(from) -> \(to) [\(style)\(label.isEmpty ? "" : "; xlabel=\(Self.quoted(label))")];")
  }

  /// An edge that shapes the layout and has room for its label.
  mutating func labelledEdge(_ from: String, _ to: String, _ style: String, label: [String]) {
    add("\(from) -> \(to) [\(style); label=\(Self.quoted(label.map { " " + $0 }))];")
  }

  /// Nodes side by side, from left to right.
  mutating func row(_ nodes: [String]) {
    guard nodes.count > 1 else { return }
    add("{ rank=same; \(nodes.joined(separator: " -> ")) [style=invis]; }")
  }

  private mutating func add(_ line: String) { lines.append(String(repeating: "  ", count: depth) + line) }

  /// A quoted string of lines; a backslash is doubled, since Graphviz reads escapes in labels.
  static func quoted(_ lines: [String]) -> String {
    let escaped = lines.map { line in
      line.map { character in
        switch character {
        case "\\": "\\\\"
        case "\"": "\\\""
        case "\n": " "
        default: String(character)
        }
      }.joined()
    }
    return "\"" + escaped.joined(separator: "\\n") + "\""
  }
}
