/**
 * Ranges and 8-bit linear quantization in WebAssembly SIMD, 16 values at a time. Every operation is the float32 one that
 * kernels/range.ts and kernels/linear.ts round to, so both give the same bits.
 */
const VECTORS = [0, 1, 2, 3];

export const LINEAR_WAT = `${rangeRun()}${rangeRow()}${quantize('s')}${quantize('u')}`;

/** One vector each of smallest and largest values so far lies at $out; a run of one channel is added. */
function rangeRun(): string {
  const locals = VECTORS.map((i) => `(local $min${i} v128) (local $max${i} v128)`).join(' ');
  const begin = VECTORS.map(
    (i) => `(local.set $min${i} (v128.load 0 $out)) (local.set $max${i} (v128.load 16 $out))`,
  );
  const step = VECTORS.map(
    (i) => `
    (local.set $v (v128.load ${16 * i} $p))
    (local.set $min${i} (f32x4.pmin $min${i} $v))
    (local.set $max${i} (f32x4.pmax $max${i} $v))
    (local.set $check (f32x4.add $check (f32x4.mul $v $none)))`,
  );
  const merged = (op: string, name: string) => `(${op} (${op} ${name}0 ${name}1) (${op} ${name}2 ${name}3))`;
  return `
;; Gives 1 where a value is not finite.
(func $rangeRun (param $p i32) (param $end i32) (param $out i32) (result i32)
  (local $v v128) (local $check v128) (local $none v128) ${locals}
  ${begin.join('\n  ')}
  (loop $next ${step.join('')}
    (br_if $next (i32.lt_u (local.tee $p (i32.add $p 64)) $end)))
  (v128.store 0 $out ${merged('f32x4.pmin', '$min')})
  (v128.store 16 $out ${merged('f32x4.pmax', '$max')})
  (v128.any_true (f32x4.ne $check $none)))
`;
}

/** A row of values, one channel each: into the smallest and largest values so far at $min and $max. */
function rangeRow(): string {
  const step = VECTORS.map(
    (i) => `
    (local.set $v (v128.load ${16 * i} $p))
    (v128.store ${16 * i} $min (f32x4.pmin (v128.load ${16 * i} $min) $v))
    (v128.store ${16 * i} $max (f32x4.pmax (v128.load ${16 * i} $max) $v))
    (local.set $check (f32x4.add $check (f32x4.mul $v $none)))`,
  );
  return `
;; Gives 1 where a value is not finite.
(func $rangeRow (param $p i32) (param $end i32) (param $min i32) (param $max i32) (result i32)
  (local $v v128) (local $check v128) (local $none v128)
  (loop $next ${step.join('')}
    (local.set $min (i32.add $min 64))
    (local.set $max (i32.add $max 64))
    (br_if $next (i32.lt_u (local.tee $p (i32.add $p 64)) $end)))
  (v128.any_true (f32x4.ne $check $none)))
`;
}

/** `quantizeRunS`, `quantizeRowS` for int8, `…U` for uint8: narrowing saturates to the ends of the type. */
function quantize(sign: 's' | 'u'): string {
  const integers = (i: number, scale: string, zero: string) =>
    `(i32x4.add ${zero} (i32x4.trunc_sat_f32x4_s (f32x4.nearest (f32x4.div (v128.load ${16 * i} $p) ${scale}))))`;
  const bytes = (scale: (i: number) => string, zero: (i: number) => string) => {
    const [a, b, c, d] = VECTORS.map((i) => integers(i, scale(i), zero(i)));
    return `(i8x16.narrow_i16x8_${sign} (i16x8.narrow_i32x4_s ${a} ${b}) (i16x8.narrow_i32x4_s ${c} ${d}))`;
  };
  const suffix = sign.toUpperCase();
  return `
(func $quantizeRun${suffix} (param $p i32) (param $end i32) (param $out i32) (param $scale i32) (param $zero i32)
  (local $s v128) (local $z v128)
  (local.set $s (v128.load32_splat 0 $scale))
  (local.set $z (v128.load32_splat 0 $zero))
  (loop $next
    (v128.store 0 $out ${bytes(
      () => '$s',
      () => '$z',
    )})
    (local.set $out (i32.add $out 16))
    (br_if $next (i32.lt_u (local.tee $p (i32.add $p 64)) $end))))
(func $quantizeRow${suffix} (param $p i32) (param $end i32) (param $out i32) (param $scale i32) (param $zero i32)
  (loop $next
    (v128.store 0 $out ${bytes(
      (i) => `(v128.load ${16 * i} $scale)`,
      (i) => `(v128.load ${16 * i} $zero)`,
    )})
    (local.set $out (i32.add $out 16))
    (local.set $scale (i32.add $scale 64))
    (local.set $zero (i32.add $zero 64))
    (br_if $next (i32.lt_u (local.tee $p (i32.add $p 64)) $end))))
`;
}
