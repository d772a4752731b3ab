import Foundation

/// Foundation's decimal logarithm.
func logMath10(_ x: Double) -> Double { log10(x) }
