/// Guesses what was meant by a name that does not exist.
package enum Suggestion {
  /// What `name` is called now, or the candidate that it is most likely a slip of, or nil where none is close: at most one
  /// edit in three letters, or an ending more or less.
  /// The first of equals wins. Of very many candidates only the first are tried, and no very long ones.
  /// O(candidates + letters²).
  package static func nearest(to name: String, in candidates: some Sequence<String>) -> String? {
    let (most, longest) = (1000, 64)
    guard name.utf8.count <= longest else { return nil }
    if let successor = RetiredWords.successor(of: name, among: candidates.prefix(most)) { return successor }
    let written = Array(name.lowercased().unicodeScalars)
    let limit = max(1, written.count / 3)
    var best: (candidate: String, distance: Int)?
    for candidate in candidates.prefix(most) where candidate != name && candidate.utf8.count <= longest {
      let letters = Array(candidate.lowercased().unicodeScalars)
      let (short, long) = written.count < letters.count ? (written, letters) : (letters, written)
      let isEnding = short.count > 2 && long.count <= 2 * short.count && long.starts(with: short)
      guard isEnding || long.count - short.count <= limit else { continue }
      let distance = editDistance(written, letters)
      // A slip leaves something of the word: `b` is no slip of `a`.
      guard isEnding || distance <= limit, distance < letters.count, distance < best?.distance ?? .max else { continue }
      best = (candidate, distance)
    }
    return best?.candidate
  }

  /// "did you mean 'NAME'?" with the ``nearest(to:in:)``; nil where none is close.
  package static func question(about name: String, in candidates: some Sequence<String>) -> String? {
    nearest(to: name, in: candidates).map { "did you mean '\($0)'?" }
  }

  /// Names as help lists them: of very many, the first.
  package static func list(_ names: some Collection<String>, upTo limit: Int = 20) -> String {
    names.prefix(limit).joined(separator: ", ") + (names.count > limit ? ", …" : "")
  }

  /// How many letters must be inserted, dropped, replaced or swapped with their neighbor to turn `a` into `b`
  /// (optimal string alignment distance).
  static func editDistance<Letter: Equatable>(_ a: [Letter], _ b: [Letter]) -> Int {
    var last = Array(0...b.count)
    // Three rows take turns: nothing is allocated on the way.
    var (beforeLast, row) = (last, last)
    for i in a.indices {
      row[0] = i + 1
      for j in b.indices {
        let replaced = last[j] + (a[i] == b[j] ? 0 : 1)
        var least = min(replaced, last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, beforeLast[j - 1] + 1) }
        row[j + 1] = least
      }
      swap(&beforeLast, &last)
      swap(&last, &row)
    }
    return last[b.count]
  }
}
