/// Where a number of a device file comes from.
public enum ProvenanceKind: String, CaseIterable, Sendable {
  /// Printed by the vendor or quoted by a named source.
  case quoted
  /// Read off a micro-benchmark on the chip.
  case measured
  /// Computed from other numbers; the note gives the formula.
  case derived
  /// Nobody's number: reports list it beside every result that used it.
  case assumed
  /// Written by `attnsim calibrate`; carries the data it was fitted to and the residual.
  case fitted
}

/// The source of one number, kept beside the value.
public struct Provenance: Sendable, Hashable {
  public var kind: ProvenanceKind
  public var source: String
  public var note: String?
  /// For fitted numbers: the rows used, the relative residual and the date.
  public var fit: Fit?

  /// What a constant was fitted to, and what is left over.
  public struct Fit: Sendable, Hashable {
    public var data: String
    public var residual: Double
    public var date: String
    public init(data: String, residual: Double, date: String) {
      self.data = data
      self.residual = residual
      self.date = date
    }
  }

  public init(kind: ProvenanceKind, source: String, note: String? = nil, fit: Fit? = nil) {
    self.kind = kind
    self.source = source
    self.note = note
    self.fit = fit
  }
}
