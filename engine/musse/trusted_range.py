"""The acquisitions that a network's weights are trusted with: the range of what they were trained on."""

from dataclasses import dataclass

from engine.spec import EngineSpec

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRange:
    """Lowest and highest values, both included."""

    cycles_per_sample: Span
    """Of the stated carrier; RF only, because IQ may be sampled below its carrier."""
    center_frequency: Span
    """Hz."""
    line_spacing: Span
    """m."""
    depth: Span
    """Cycles of the carrier."""
    probe_types: tuple[str, ...]

    def objection(self, spec: EngineSpec) -> str | None:
        """Why an acquisition lies outside, for people; None where it lies inside."""
        if spec.probe_type not in self.probe_types:
            return f"a {spec.probe_type} probe; trained on {', '.join(self.probe_types)}"
        duration = 2.0 * spec.shape[0] * spec.sample_pitch / spec.sound_speed
        values = [
            ("center frequency", spec.center_frequency, self.center_frequency, 1e-6, "MHz"),
            ("line spacing", spec.line_spacing, self.line_spacing, 1e3, "mm"),
            ("depth", duration * spec.center_frequency, self.depth, 1.0, "cycles"),
        ]
        if spec.kind == "rf":
            sampled = spec.center_frequency / spec.sampling_frequency
            values.append(("carrier", sampled, self.cycles_per_sample, 1.0, "cycles per sample"))
        for name, value, (low, high), scale, unit in values:
            if not low <= value <= high:
                return (
                    f"{name} {value * scale:.3g} {unit}; trained on {low * scale:.3g} to {high * scale:.3g}"
                )
        return None
