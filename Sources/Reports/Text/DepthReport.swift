public import Simulator

/// The result of a search for FIFO depths.
public enum DepthReport {
  public static func text(_ result: DepthSearch.Result, style: TextStyle = TextStyle()) -> String {
    var table = TextTable([.left, .right, .right, .right, .right])
    table.add("", "asked", "full rate", "no deadlock", "bytes at full rate")
    for fifo in result.fifos {
      table.add(
        fifo.name, fifo.asked.map { NumberText.grouped(Double($0)) } ?? "unbounded",
        NumberText.grouped(Double(fifo.fullRate)), NumberText.grouped(Double(fifo.noDeadlock)),
        NumberText.prefixed(Double(fifo.fullRate * fifo.bytesPerElement), "B"))
    }
    table.add(
      "cycles", result.askedCycles.map { NumberText.grouped(Double($0)) } ?? "deadlock",
      NumberText.grouped(Double(result.fullRateCycles)), NumberText.grouped(Double(result.noDeadlockCycles)))
    let depths = result.fifos.map { "\($0.name)=\($0.fullRate)" }.joined(separator: ",")
    return
      ([style.bold("Smallest FIFO depths (\(result.runs) runs of the graph)")] + table.lines()
      + [
        "",
        "full rate is \(NumberText.grouped(Double(result.unboundedCycles))) cycles, as with unbounded FIFOs",
        "to run with these depths: --param depths=\(depths)",
      ]).joined(separator: "\n") + "\n"
  }

  public static func json(_ result: DepthSearch.Result) -> String {
    JSONValue.object([
      "unbounded_cycles": .integer(result.unboundedCycles),
      "full_rate_cycles": .integer(result.fullRateCycles),
      "no_deadlock_cycles": .integer(result.noDeadlockCycles),
      "asked_cycles": result.askedCycles.map { .integer($0) } ?? .null,
      "runs": .integer(result.runs),
      "fifos": .array(
        result.fifos.map {
          .object([
            "name": .string($0.name), "asked": $0.asked.map { .integer($0) } ?? .null,
            "full_rate": .integer($0.fullRate), "no_deadlock": .integer($0.noDeadlock),
            "bytes_per_element": .integer($0.bytesPerElement),
          ])
        }),
    ]).text(indented: true)
  }
}
