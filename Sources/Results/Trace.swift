public import HWModels

/// One executed operation of a traced run: what Perfetto shows and what the critical path is read from.
public struct TraceEvent: Sendable, Hashable {
  public var core: Int
  public var slot: Int
  public var actor: String
  public var operation: String
  /// The unit the operation kept busy, or nil for vector code and synchronisation.
  public var resource: Resource?
  /// Ticks of the core clock: when its actor was ready, when it began, when it ended.
  public var ready: Int
  public var start: Int
  public var end: Int
  /// What decided `start` or `end`: the index of the event it waited for, and why.
  public var cause: Cause

  /// What an operation waited for before it could start.
  public enum Cause: Sendable, Hashable {
    /// Nothing: the actor's own work.
    case own
    /// A barrier, by name, and the event that completed its phase.
    case barrier(String, event: Int?)
    /// A unit with other work before it.
    case unit(Resource, event: Int?)
  }

  package init(
    core: Int, slot: Int, actor: String, operation: String, resource: Resource? = nil, ready: Int, start: Int,
    end: Int, cause: Cause
  ) {
    self.core = core
    self.slot = slot
    self.actor = actor
    self.operation = operation
    self.resource = resource
    self.ready = ready
    self.start = start
    self.end = end
    self.cause = cause
  }
}

/// Where the critical path of a work item spends its time.
public struct Attribution: Sendable, Hashable {
  /// Time of the critical path that one operation, waiting for one thing, is charged with.
  public struct Entry: Sendable, Hashable {
    /// A unit, a barrier or an operation's own dependent chain, e.g. `tensor: S = Q Kᵀ`.
    public var name: String
    public var ticks: Int
    public var share: Double

    package init(
      name: String, ticks: Int, share: Double
    ) {
      self.name = name
      self.ticks = ticks
      self.share = share
    }
  }
  public var entries: [Entry]

  package init(
    entries: [Entry]
  ) {
    self.entries = entries
  }
}
