extension Device {
  /// A spatial array: a grid of processing elements (2-D array), a line of them (1-D array), and a global buffer in front of
  /// device memory.
  ///
  /// Costs are busy cycles and accesses; no network, latency or filling of the arrays is modelled, as in the sources.
  /// - Source: FLAT (arXiv 2107.06419), FuseMax (arXiv 2406.10491) and its artifact.
  public struct Spatial: OptionalDevicePart {
    /// Processing elements of the 2-D array, down and across.
    public var rows = Count.zero
    public var columns = Count.zero
    /// Processing elements of the 1-D array.
    public var lanes = Count.zero
    public var bufferCapacity = Bytes.zero
    public var dramBandwidth = BytesPerSecond.zero
    /// Cycles of one exponential: 1 on a dedicated pipelined unit, one for each multiply-accumulate where it is computed
    /// by a polynomial.
    public var exponentialCycles = Cycles.zero
    /// 1 where elements of the 2-D array also take maxima, exponentials and sums, 0 where they only multiply and add.
    public var gridVector = Count.zero
    /// Values that one element keeps.
    public var gridRegisters = Count.zero
    public var lineRegisters = Count.zero
    public var macEnergy = Energy.zero
    public var addEnergy = Energy.zero
    public var maxEnergy = Energy.zero
    /// One exponential on a dedicated unit; what it takes beside its multiply-accumulates where it is made of them.
    public var exponentialEnergy = Energy.zero
    public var divideEnergy = Energy.zero
    /// One access to a register of an element.
    public var gridRegisterEnergy = Energy.zero
    public var lineRegisterEnergy = Energy.zero
    public var bufferByte = Energy.zero
    public var dramByte = Energy.zero
    /// Area in square millimetres; 0 where nobody has published one.
    public var areaSquareMillimetres = Count.zero
    public init() {}

    /// Whether an exponential is a polynomial in multiply-accumulates: a unit of its own is pipelined and takes one cycle.
    public var exponentialIsPolynomial: Bool { exponentialCycles.value > 1 }
  }
}
