import Programs

/// The depths of a graph's FIFOs: one for short ones, one for long ones, and single ones by name.
struct FIFODepths: Sendable {
  var short: FIFODepth
  var long: FIFODepth
  var named: [String: FIFODepth]

  private static let shortParameter = ParameterDescription(
    name: "short", summary: "depth of each short FIFO: a number, N (keys), N+2 or inf", defaultValue: "2")
  private static let longParameter = ParameterDescription(
    name: "long", summary: "depth of each FIFO that holds a row: a number, N (keys), N-1 or inf",
    defaultValue: "N+2")
  static let namedParameter = ParameterDescription(
    name: "depths", summary: "depths of single FIFOs, as in scores=N+2,maxima=1", defaultValue: "")

  /// Parameters of graphs with and without FIFOs that hold a row.
  static let parameters = [shortParameter, longParameter, namedParameter]
  static let shortParameters = [shortParameter, namedParameter]

  /// The parameter that gives the depth of long FIFOs.
  private var longName = "long"

  init(_ parameters: ScheduleParameters, hasLong: Bool) throws(ScheduleError) {
    try self.init(
      parameters, short: Self.depth("short", parameters.value(Self.shortParameter)),
      long: hasLong ? Self.depth("long", parameters.value(Self.longParameter)) : .fixed(2))
  }

  /// Short FIFOs of two, long ones as the parameter `long` says.
  init(_ parameters: ScheduleParameters, long: ParameterDescription) throws(ScheduleError) {
    try self.init(
      parameters, short: .fixed(2), long: Self.depth(long.name, parameters.value(long)))
    longName = long.name
  }

  private init(
    _ parameters: ScheduleParameters, short: FIFODepth, long: FIFODepth
  ) throws(ScheduleError) {
    self.short = short
    self.long = long
    named = [:]
    for part in try parameters.value(Self.namedParameter).split(separator: ",") {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false).map {
        $0.drop { $0 == " " }
      }
      guard sides.count == 2, !sides[0].isEmpty else {
        throw .parameter(name: "depths", message: "'\(part)' is not name=depth, as in scores=N+2")
      }
      named[String(sides[0])] = try Self.depth("depths", String(sides[1]))
    }
  }

  private static func depth(_ name: String, _ text: String) throws(ScheduleError) -> FIFODepth {
    if let depth = FIFODepth(text) { return depth }
    throw .parameter(
      name: name,
      message: "'\(text)' is not a depth; write a number from 1 to \(FIFODepth.deepest), N, N+2, N-1 or inf")
  }

  /// Sets the depths of `graph`, whose rows have `keys` elements.
  ///
  /// - Throws: for a name that is no FIFO of the graph, and for a depth that leaves room for nothing.
  func apply(to graph: inout DataflowGraph, keys: Int) throws(ScheduleError) {
    let names = graph.fifos.map(\.name)
    for name in named.keys.sorted() where !names.contains(name) {
      throw .parameter(
        name: "depths", message: "there is no FIFO '\(name)'; there are \(names.joined(separator: ", "))")
    }
    for index in graph.fifos.indices {
      let fifo = graph.fifos[index]
      let depth = named[fifo.name] ?? (fifo.isLong ? long : short)
      let elements = depth.elements(keys: keys)
      if let elements, elements < 1 {
        throw .parameter(
          name: named[fifo.name] != nil ? "depths" : fifo.isLong ? longName : "short",
          message: "\(depth) is \(elements) for \(keys) keys; a FIFO holds at least one element")
      }
      graph.fifos[index].depth = elements
    }
  }
}
