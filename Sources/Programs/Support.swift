public import Attention
public import HWModels

/// What calls a kernel takes: a short table. A call is taken where one entry admits it.
public struct Support: Sendable {
  public let entries: [Entry]
  public init(_ entries: Entry...) { self.entries = entries }

  /// A conjunction: what a call must be in every respect.
  public struct Entry: Sendable {
    /// Parameters that the entry is about; nil for all.
    public var when: Condition?
    public var passes: [AttentionShape.Pass]
    public var masks: MaskSupport
    public var dataTypes: [DataType]
    public var heads: HeadSupport
    /// Most query heads of a KV head; nil for any number.
    public var largestGroup: Int?
    public var batches: BatchSupport
    /// Most queries of a sequence, where all have as many; nil for any number.
    public var mostQueries: Int?

    public init(
      when: Condition? = nil, passes: [AttentionShape.Pass] = [.forward], masks: MaskSupport,
      dataTypes: [DataType] = [.bf16, .fp16], heads: HeadSupport = .upTo(256), largestGroup: Int? = nil,
      batches: BatchSupport = .equal, mostQueries: Int? = nil
    ) {
      self.when = when
      self.passes = passes
      self.masks = masks
      self.dataTypes = dataTypes
      self.heads = heads
      self.largestGroup = largestGroup
      self.batches = batches
      self.mostQueries = mostQueries
    }
  }
}

/// Masks that a kernel takes.
public enum MaskSupport: Sendable, Hashable, CustomStringConvertible {
  case none, causal
  /// Rules that allow each query an interval of keys which moves with it.
  case bands
  /// Neighborhoods over tokens in row-major order.
  case neighborhoods
  case any
  /// Any rule, the same for all heads.
  case anyForAllHeads

  public var description: String {
    switch self {
    case .none: "no mask"
    case .causal: "the masks none and causal"
    case .bands: "the masks none, causal and windows"
    case .neighborhoods: "gna masks over tokens in row-major order, or none with as many keys as queries"
    case .any: "any mask"
    case .anyForAllHeads: "one mask for all heads"
    }
  }

  /// Whether the kernel evaluates or lists whatever it is given, and so pays for the mask as it is written.
  var isAsWritten: Bool { [.neighborhoods, .any, .anyForAllHeads].contains(self) }

  public func admits(_ shape: AttentionShape) -> Bool {
    switch self {
    case .none: return shape.mask == .none
    case .causal: return shape.mask == .none || shape.mask == .causal
    case .bands: return shape.mask.band(seqQ: shape.seqQ, seqKV: shape.seqKV) != nil
    case .neighborhoods:
      if case .neighborhood(let rule) = shape.mask { return rule.order == nil }
      return shape.mask == .none && shape.seqQ == shape.seqKV
    case .any: return true
    case .anyForAllHeads:
      if case .perHead = shape.mask { return false }
      return true
    }
  }
}

/// Head dimensions that a kernel takes.
public enum HeadSupport: Sendable, Hashable, CustomStringConvertible {
  case any
  case upTo(Int)
  /// Keys and values alike.
  case equal
  case equalUpTo(Int)
  case equalOneOf([Int])
  /// As many KV heads as query heads, keys and values alike.
  case ungrouped
  /// One geometry only.
  case only(HeadGeometry)

  public var description: String {
    switch self {
    case .any: "any head dimensions"
    case .upTo(let most): "head dimensions up to \(most)"
    case .equal: "equal head dimensions of keys and values"
    case .equalUpTo(let most): "equal head dimensions up to \(most)"
    case .equalOneOf(let dims): "equal head dimensions of \(dims.map(String.init).joined(separator: ", "))"
    case .ungrouped: "as many KV heads as query heads, with equal head dimensions"
    case .only(let geometry):
      "head dimension \(geometry.headDim) with values of \(geometry.headDimV) and \(geometry.headsKV) KV head"
    }
  }

  /// The field to blame; nil where the call is taken.
  func problem(_ shape: AttentionShape) -> String? {
    let (dim, dimV) = (shape.headDim, shape.headDimV)
    switch self {
    case .any: return nil
    case .upTo(let most): return dim <= most ? dimV <= most ? nil : "head-dim-v" : "head-dim"
    case .equal: return dim == dimV ? nil : "head-dim-v"
    case .equalUpTo(let most): return dim <= most ? dim == dimV ? nil : "head-dim-v" : "head-dim"
    case .equalOneOf(let dims): return dims.contains(dim) ? dim == dimV ? nil : "head-dim-v" : "head-dim"
    case .ungrouped: return shape.headsQ == shape.headsKV ? dim == dimV ? nil : "head-dim-v" : "kv-heads"
    case .only(let geometry):
      return dim != geometry.headDim
        ? "head-dim"
        : dimV != geometry.headDimV ? "head-dim-v" : shape.headsKV != geometry.headsKV ? "kv-heads" : nil
    }
  }
}

/// Batches that a kernel takes beside those of equal sequences.
public struct BatchSupport: Sendable {
  public var keyLengths: Bool
  /// Different numbers of queries, as prefill beside decode has; nil where never.
  public var queryLengths: Condition?
  /// Leading keys in common; nil where never.
  public var sharedPrefix: Condition?

  public init(keyLengths: Bool, queryLengths: Condition? = nil, sharedPrefix: Condition? = nil) {
    self.keyLengths = keyLengths
    self.queryLengths = queryLengths
    self.sharedPrefix = sharedPrefix
  }

  /// Sequences of one length with nothing in common.
  public static let equal = BatchSupport(keyLengths: false)
}

extension Condition {
  /// Whatever the parameters.
  public static let always = Condition("all parameters") { _ in true }

  /// The shared keys are whole pages.
  ///
  /// - Parameters:
  ///   - asking: how pages are asked for.
  ///   - page: tokens of a page; nil where there are none.
  public static func wholePages(
    _ asking: String, _ page: @escaping @Sendable (ParameterValues) -> Int?
  ) -> Condition {
    Condition("whole pages: give \(asking), of which the prefix is a multiple") { call in
      page(call.values).map { call.shape.sharedPrefix % $0 == 0 } ?? false
    }
  }
}

extension Support {
  /// The only head dimensions that the kernel takes; nil for most.
  public var geometry: HeadGeometry? {
    guard let first = entries.first, case .only(let geometry) = first.heads else { return nil }
    return geometry
  }
  public var takesKeyLengths: Bool { entries.contains { $0.batches.keyLengths } }
  public var takesQueryLengths: Bool { entries.contains { $0.batches.queryLengths != nil } }
  public var takesSharedPrefix: Bool { entries.contains { $0.batches.sharedPrefix != nil } }

  /// The passes of all entries, in their order.
  public var passes: [AttentionShape.Pass] {
    AttentionShape.Pass.allCases.filter { pass in entries.contains { $0.passes.contains(pass) } }
  }
  public var dataTypes: [DataType] {
    DataType.allCases.filter { type in entries.contains { $0.dataTypes.contains(type) } }
  }

  /// Whether the kernel has no rules built in, so that the mask is not written in another form for it.
  var takesMasksAsWritten: Bool { entries.allSatisfy { $0.masks.isAsWritten } }

  public func admits(_ call: ScheduleCall) -> Bool { entries.contains { $0.problems(call).isEmpty } }

  /// What is wrong with a call in the words of the nearest entry; nil where it is taken.
  public func problem(_ call: ScheduleCall) -> (field: String, message: String)? {
    let all = entries.map { (entry: $0, problems: $0.problems(call)) }
    guard let nearest = all.min(by: { Entry.distance($0.problems) < Entry.distance($1.problems) }),
      let first = nearest.problems.first
    else { return nil }
    let scope = entries.count > 1 ? nearest.entry.scope(without: first.aspect) : ""
    return (first.field, "takes \(first.wanted)\(scope), not \(first.found)")
  }
}

extension Support.Entry {
  /// What a problem is about, by how much a call would have to change to be one of the entry's.
  enum Aspect: Int {
    case other = 1
    case parameters, mask, pass
  }

  struct Problem {
    var aspect: Aspect
    var field: String
    var wanted: String
    var found: String
  }

  static func distance(_ problems: [Problem]) -> Int { problems.reduce(0) { $0 + $1.aspect.rawValue } }

  /// What of the entry tells it from others: ` in the pass bwd, with any mask`.
  func scope(without aspect: Aspect) -> String {
    var words: [String] = []
    if aspect != .pass { words.append("in the pass " + passes.map(\.rawValue).joined(separator: " or ")) }
    if aspect != .mask { words.append("under \(masks)") }
    if let when, aspect != .parameters { words.append("with \(when)") }
    return words.isEmpty ? "" : " " + words.joined(separator: ", ")
  }

  func problems(_ call: ScheduleCall) -> [Problem] {
    let shape = call.shape
    var found: [Problem] = []
    func require(_ isMet: Bool, _ aspect: Aspect, _ field: String, _ wanted: String, _ given: String) {
      if !isMet { found.append(Problem(aspect: aspect, field: field, wanted: wanted, found: given)) }
    }
    require(
      passes.contains(shape.pass), .pass, "pass",
      "the pass \(passes.map(\.rawValue).joined(separator: " and "))",
      shape.pass.rawValue)
    require(masks.admits(shape), .mask, "mask", "\(masks)", "\(shape.mask)")
    require(
      dataTypes.contains(shape.dataType), .other, "dtype",
      dataTypes.map(\.rawValue).joined(separator: " and "),
      shape.dataType.rawValue)
    if let field = heads.problem(shape) {
      require(
        false, .other, field, "\(heads)",
        "\(shape.headsQ)/\(shape.headsKV) heads of \(shape.headDim) with values of \(shape.headDimV)")
    }
    if let largestGroup {
      require(
        shape.group <= largestGroup, .other, "kv-heads", "groups of up to \(largestGroup) query heads",
        "\(shape.group)")
    }
    if let mostQueries, !shape.hasQueryLengths {
      require(
        shape.seqQ <= mostQueries, .other, "seq", "at most \(mostQueries) queries of a sequence",
        "\(shape.seqQ)")
    }
    found += batches.problems(call)
    // Last, since the parameters are the easiest to change.
    if let when {
      require(when.holds(for: call), .parameters, "mask", "this with \(when)", "with these parameters")
    }
    return found
  }
}

extension BatchSupport {
  fileprivate func problems(_ call: ScheduleCall) -> [Support.Entry.Problem] {
    let shape = call.shape
    var found: [Support.Entry.Problem] = []
    func add(_ field: String, _ wanted: String, _ given: String) {
      found.append(.init(aspect: .other, field: field, wanted: wanted, found: given))
    }
    if shape.lengths != nil, !keyLengths { add("lengths", "sequences of one length", "different ones") }
    if shape.hasQueryLengths {
      if let queryLengths {
        if !queryLengths.holds(for: call) {
          add("lengths", "different numbers of queries with \(queryLengths)", "with these parameters")
        }
      } else if keyLengths {
        add("lengths", "as many queries of every sequence", "different numbers")
      }
    }
    guard shape.sharedPrefix > 0 else { return found }
    guard let sharedPrefix else {
      add("shared-prefix", "batches without a shared prefix", "one of \(shape.sharedPrefix) keys")
      return found
    }
    if !sharedPrefix.holds(for: call) {
      add(
        "shared-prefix", "a shared prefix of \(sharedPrefix)",
        "\(shape.sharedPrefix) keys with these parameters")
    }
    return found
  }
}
