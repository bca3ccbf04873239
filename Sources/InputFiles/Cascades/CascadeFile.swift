public import Programs

/// Reads cascade files: einsums in plain text.
///
/// ```
/// cascade softmax "Softmax of the rows of a matrix, in three passes"
/// rank M = 1024
/// rank P = 1
/// input X[M, P]
/// G[p] = X[m, p] :: max(m)
/// S[m, p] = exp(X[m, p] - G[p])
/// D[p] = S[m, p] :: sum(m)
/// Z[m, p] = S[m, p] / D[p]
/// ```
///
/// An index is the name of its rank in small letters. An index that is missing on the left is summed unless `::` says
/// otherwise. `split M into M1, M0 = 256` makes ranks of the parts; `view BK[e, m1, m0] = K[e, m1*M0 + m0]` names the
/// elements of a tensor by them. After `iterative M1`, a tensor may be written at `m1+1` and read at `m1`; `init RM[0, p]
/// = -inf` gives its first value, and `RM[M1, p]` is the last.
public enum CascadeFile {
  /// - Parameter shapes: other shapes for ranks, by name.
  /// - Throws: `InputError` with everything that is wrong, in the order of the file.
  public static func read(
    _ source: SourceText, shapes: [String: Int] = [:]
  ) throws(InputError) -> Cascade {
    var parser = CascadeParser(source)
    if let problem = parser.replace(shapes) { throw InputError(problem) }
    var resolver = CascadeResolver(source, parser)
    let cascade = resolver.resolve()
    let problems = parser.problems + resolver.problems
    guard problems.isEmpty, let cascade else {
      let sorted = problems.enumerated().sorted { a, b in
        let (first, second) = (a.element.location, b.element.location)
        return (first?.line ?? 0, first?.column ?? 0, a.offset) < (
          second?.line ?? 0, second?.column ?? 0, b.offset
        )
      }.map(\.element)
      throw InputError(Array(sorted.prefix(mostShown)))
    }
    return cascade
  }

  private static let mostShown = 100
}
