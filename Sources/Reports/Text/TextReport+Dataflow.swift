import Simulator

extension TextReport {
  /// Nodes and FIFOs of a streaming run: who is busy, and how full each FIFO was.
  static func dataflow(_ result: SimulationResult, _ style: TextStyle) -> [String] {
    guard let dataflow = result.dataflow else { return [] }
    let copies = dataflow.copies == 1 ? "one copy" : "\(dataflow.copies) copies side by side"
    let heads = dataflow.headsPerCopy == 1 ? "one head" : "\(dataflow.headsPerCopy) heads"
    var lines = [style.bold("Nodes (\(copies) of the graph, \(heads) each at most)")]
    var nodes = TextTable([.left, .left, .right, .right, .left])
    for node in dataflow.nodes {
      nodes.add(
        node.name, node.pattern, NumberText.grouped(Double(node.firings)), NumberText.percent(node.use),
        TextLayout.bar(node.use, width: style.width - 56))
    }
    lines += nodes.lines() + ["", style.bold("FIFOs")]
    var fifos = TextTable([.left, .right, .right, .right, .left])
    fifos.add("", "depth", "most held", "bytes", "")
    for fifo in dataflow.fifos {
      fifos.add(
        fifo.name, fifo.depth.map { NumberText.grouped(Double($0)) } ?? "unbounded",
        fifo.peak.map { NumberText.grouped(Double($0)) } ?? "grows",
        fifo.depth.map { NumberText.prefixed(Double($0 * fifo.bytesPerElement), "B") } ?? "",
        "\(fifo.writer) to \(fifo.reader)")
    }
    return lines + fifos.lines()
  }
}
