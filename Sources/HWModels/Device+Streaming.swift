extension Device {
  /// A streaming dataflow machine: places for nodes, joined by FIFOs with credits.
  ///
  /// Nodes have clocks of their own; times are in cycles of one nominal clock. Source of the rules: DAM (ISCA 2024),
  /// src/channel and src/context.
  public struct Streaming: OptionalDevicePart {
    /// Places that can be configured as nodes.
    public var nodes = Count.zero
    /// Storage of all FIFOs together.
    public var bufferCapacity = Bytes.zero
    /// From one firing of a node to its next.
    public var interval = Cycles.zero
    /// From taking inputs to outputs being on their way.
    public var latency = Cycles.zero
    /// The same for a node that takes an exponential.
    public var exponentialLatency = Cycles.zero
    /// Each level of the adder tree of a dot product, on top of the latency.
    public var treeLevelLatency = Cycles.zero
    /// From a write to the element being visible to the reader, at least.
    public var channelLatency = Cycles.zero
    /// From taking an element to its slot being free for the writer.
    public var creditLatency = Cycles.zero
    /// 1 where a node writes only when all outputs have room, 0 where it writes to one after another.
    public var atomicBroadcast = Count.zero
    public init() {}
  }
}
