extension Device {
  /// Configurable logic of an FPGA board: what kernels are built from.
  public struct FPGA: OptionalDevicePart {
    /// Multiplier slices (DSP48E2), and the operands that one takes, in bits.
    public var dsp = Count.zero
    public var dspWidthA = Count.zero
    public var dspWidthB = Count.zero
    /// Block RAMs: 512 words of 72 bits.
    public var bram = Count.zero
    /// UltraRAMs: 4096 words of 72 bits.
    public var uram = Count.zero
    public var lut = Count.zero
    public var flipFlops = Count.zero
    public var ddrBandwidth = BytesPerSecond.zero
    public var hbmBandwidth = BytesPerSecond.zero
    public init() {}

    /// What kernels stream from: HBM where the board has it.
    public var memoryBandwidth: BytesPerSecond { hbmBandwidth.value > 0 ? hbmBandwidth : ddrBandwidth }
  }
}
