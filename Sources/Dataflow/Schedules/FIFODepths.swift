import Programs

/// The depths of a graph's FIFOs: one for short ones, one for long ones, and single ones by name.
struct FIFODepths: Sendable {
  var short: FIFODepth
  var long: FIFODepth
  var named: [String: FIFODepth]

  static let shortParameter = depth("short", "depth of each short FIFO", "2")
  static let longParameter = depth("long", "depth of each FIFO that holds a row", "N+2")
  static let namedParameter = Parameter<[String: FIFODepth]>(
    "depths", "depths of single FIFOs", .text("a list of name=depth, as in scores=N+2,maxima=1"), default: "",
    read: { named($0) })

  /// Parameters of graphs with and without FIFOs that hold a row.
  static let parameters: [any AnyParameter] = [shortParameter, longParameter, namedParameter]
  static let shortParameters: [any AnyParameter] = [shortParameter, namedParameter]

  static func depth(_ name: String, _ summary: String, _ value: String) -> Parameter<FIFODepth> {
    Parameter(
      name, summary, .text("a depth: a number from 1 to \(FIFODepth.deepest), N (keys), N+2, N-1 or inf"),
      default: value, read: { FIFODepth($0) })
  }

  private static func named(_ text: String) -> [String: FIFODepth]? {
    var named: [String: FIFODepth] = [:]
    for part in text.split(separator: ",") {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false).map {
        $0.drop { $0 == " " }
      }
      guard sides.count == 2, !sides[0].isEmpty, let depth = FIFODepth(String(sides[1])) else { return nil }
      named[String(sides[0])] = depth
    }
    return named
  }

  /// The parameter that gives the depth of long FIFOs.
  private var longName = "long"

  init(_ values: ParameterValues, hasLong: Bool) {
    short = values[Self.shortParameter]
    long = hasLong ? values[Self.longParameter] : .fixed(2)
    named = values[Self.namedParameter]
  }

  /// Short FIFOs of two, long ones as the parameter `long` says.
  init(_ values: ParameterValues, long parameter: Parameter<FIFODepth>) {
    (short, long, named) = (.fixed(2), values[parameter], values[Self.namedParameter])
    longName = parameter.name
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
