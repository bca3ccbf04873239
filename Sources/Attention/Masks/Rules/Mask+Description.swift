extension Mask: CustomStringConvertible {
  /// The form that `init(parsing:)` reads.
  public var description: String {
    switch self {
    case .none: "none"
    case .causal: "causal"
    case .causalTopLeft: "causal-tl"
    case .slidingWindow(let left, let right): "swa:" + Mask.reaches(left, right)
    case .slidingWindowTopLeft(let left, let right): "swa-tl:" + Mask.reaches(left, right)
    case .prefix(let length, let alignment): "prefix\(alignment.suffix):\(length)"
    case .sink(let tokens, let window, let alignment): "sink\(alignment.suffix):\(tokens)+\(window)"
    case .documents(let documents): documents.description
    case .neighborhood(let neighborhood): neighborhood.description
    case .blockSparse(let blocks): blocks.description
    case .intersection(let masks):
      masks.map { if case .union = $0 { "(\($0))" } else { $0.bracketedIntersection } }.joined(
        separator: " & ")
    case .union(let masks): masks.map(\.bracketedUnion).joined(separator: " | ")
    case .perHead(let entries):
      "heads("
        + entries.map { entry in
          let (first, last) = (entry.heads.lowerBound, entry.heads.upperBound - 1)
          return (first == last ? "\(first)" : "\(first)-\(last)") + "=\(entry.mask)"
        }.joined(separator: ";") + ")"
    }
  }

  private static func reaches(_ left: Int?, _ right: Int?) -> String {
    (left.map(String.init) ?? "-1") + (right == 0 ? "" : ",\(right.map(String.init) ?? "-1")")
  }

  /// Brackets keep a nested list of the same kind apart from its parent.
  private var bracketedIntersection: String {
    if case .intersection = self { "(\(self))" } else { "\(self)" }
  }
  private var bracketedUnion: String { if case .union = self { "(\(self))" } else { "\(self)" } }
}

extension Mask.Alignment {
  fileprivate var suffix: String { self == .topLeft ? "-tl" : "" }
}

extension Documents: CustomStringConvertible {
  public var description: String {
    let name = (tiling == .packed ? "doc" : "varlen") + (isCausal ? "-causal" : "")
    let lengths = { (values: [Int]) in values.map(String.init).joined(separator: ",") }
    return "\(name):\(lengths(queryLengths))" + (keyLengths == queryLengths ? "" : "/\(lengths(keyLengths))")
  }
}

extension Neighborhood: CustomStringConvertible {
  public var description: String {
    var text = "gna:\(tuple(shape)):w\(tuple(axes.map(\.window)))"
    if axes.contains(where: { $0.stride > 1 }) { text += ":s\(tuple(axes.map(\.stride)))" }
    if axes.contains(where: { $0.dilation > 1 }) { text += ":d\(tuple(dilation))" }
    if axes.contains(where: \.isCausal) { text += ":c\(tuple(axes.map { $0.isCausal ? 1 : 0 }))" }
    if let order { text += ":t\(tuple(order))" }
    return text
  }
}

extension BlockSparse: CustomStringConvertible {
  public var description: String {
    let start = "block_sparse:\(queryBlock)x\(keyBlock):"
    return switch pattern {
    case .random(let density, let seed, let keepsDiagonal):
      start + "density=\(density):seed=\(seed)" + (keepsDiagonal ? ":diagonal" : "")
    case .list(let list): start + "list=\(list.text)"
    case .file(let path, _): start + "file=\(path)"
    }
  }
}

/// `AxBxC`.
package func tuple(_ values: [Int]) -> String { values.map(String.init).joined(separator: "x") }
