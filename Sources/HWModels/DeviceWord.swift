/// A name in a device file, with its source. Kernels compare it with what they are built for; no time comes of it.
public struct DeviceWord: Sendable, Hashable {
  public var value: String
  public var provenance: Provenance

  public init(_ value: String, provenance: Provenance) {
    self.value = value
    self.provenance = provenance
  }

  /// What a device file says in words.
  public struct Field: Sendable {
    /// Dotted path in the file, beside the numbers of its section.
    public let path: String
    public let summary: String
    public let example: String

    public var section: String { String(path.prefix { $0 != "." }) }
    public var name: String { String(path.dropFirst(section.count + 1)) }
  }

  /// Every word of a device file; a file that has the section has them all.
  public static let fields: [Field] = [
    Field(
      path: "tensor.family", summary: "family of the matrix instructions that block their warp",
      example: "mma.sync"),
    Field(
      path: "asyncTensor.family", summary: "family of the matrix instructions that run beside their warps",
      example: "mma.async"),
    Field(
      path: "asyncTensor.accumulators", summary: "where these accumulate: registers or tensorMemory",
      example: "registers"),
  ]
}
