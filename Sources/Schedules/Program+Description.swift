import HWModels

/// The program as text: kernels, what a work item holds, who does what in which order, and who takes which item.
///
/// For people (`--dump-program`); nothing reads it back.
extension Program: CustomStringConvertible {
  public var description: String {
    var lines = ["program \(schedule)"]
    for (index, kernel) in kernels.enumerated() {
      lines.append("")
      lines.append("kernel \(index): \(kernel.name)")
      lines += kernel.lines.map { "  " + $0 }
    }
    if !warnings.isEmpty {
      lines.append("")
      lines += warnings.map { "left out, \($0)" }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Kernel {
  fileprivate var lines: [String] {
    var lines = [
      "work item: \(footprint.threads) threads, \(footprint.registersPerThread) registers each, "
        + "\(footprint.sharedBytes) B shared, cluster of \(footprint.clusterSize)",
      "work items: \(items.total) in \(items.classes.count) classes, \(policy.words)",
    ]
    let shown = 12
    for (itemClass, count) in zip(items.classes, items.counts).prefix(shown) {
      let values = zip(variables, itemClass.values).map { "\($0)=\($1)" }.joined(separator: " ")
      lines.append("  \(count) x [\(values)] walk of \(itemClass.walk.count) tiles")
    }
    if items.classes.count > shown { lines.append("  and \(items.classes.count - shown) more classes") }
    lines.append("buffers:")
    lines += buffers.map {
      "  \($0.name): \($0.slots) x \($0.rows) x \($0.columns) \($0.elementType.rawValue) in \($0.space.rawValue)"
    }
    lines.append("barriers:")
    lines += barriers.map {
      "  \($0.name): \($0.mechanism.rawValue), \($0.arrivals) arrivals a phase"
        + ($0.initialPhases > 0 ? ", \($0.initialPhases) phases complete at the start" : "")
    }
    for actor in actors {
      lines.append("actor \(actor.name), \(actor.warps) warps:")
      for block in actor.blocks {
        lines.append("  \(words(block.trips)):")
        lines += block.operations.map { "    " + words($0) }
      }
    }
    return lines
  }

  private func words(_ trips: TripCount) -> String {
    switch trips {
    case .fixed(1): "once"
    case .fixed(let count): "\(count) times"
    case .variable(let index, let offset):
      "\(variables.indices.contains(index) ? variables[index] : "?")"
        + (offset == 0 ? "" : offset > 0 ? " + \(offset)" : " - \(-offset)") + " times"
    }
  }

  private func words(_ operation: Operation) -> String {
    func names(_ ids: [BarrierID]) -> String { ids.map { barriers[$0.index].name }.joined(separator: ", ") }
    var parts = ["\(operation.name) (\(operation.unit.rawValue))"]
    if !operation.waits.isEmpty { parts.append("waits for \(names(operation.waits))") }
    let work = operation.work.named.filter { $0.value > 0 }.map { "\(Int($0.value.rounded())) \($0.name)" }
    if !work.isEmpty { parts.append(work.joined(separator: ", ")) }
    if !operation.signals.isEmpty { parts.append("signals \(names(operation.signals))") }
    return parts.joined(separator: "; ")
  }
}

extension TilePolicy {
  fileprivate var words: String {
    switch self {
    case .grid: "one launch each, in order"
    case .staticPersistent: "dealt out to the slots in turn"
    case .dynamicPersistent: "taken by free slots in order"
    }
  }
}
