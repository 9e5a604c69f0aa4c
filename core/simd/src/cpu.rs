//! What the processor can do, found out once.

use core::sync::atomic::{AtomicU8, Ordering};

/// The instructions to use: each has all that those before it have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Cpu {
    /// Nothing beyond what the target promises.
    Plain = 1,
    /// AVX2, BMI1, BMI2, LZCNT and POPCNT.
    Avx2,
    /// AVX-512 F, BW, VL, VBMI and VBMI2 too.
    Avx512,
}

static KNOWN: AtomicU8 = AtomicU8::new(0);

/// What this processor can do.
#[inline]
pub(crate) fn cpu() -> Cpu {
    match KNOWN.load(Ordering::Relaxed) {
        1 => Cpu::Plain,
        2 => Cpu::Avx2,
        3 => Cpu::Avx512,
        _ => ask(),
    }
}

#[cold]
fn ask() -> Cpu {
    #[cfg(target_arch = "x86_64")]
    let found = x86::ask();
    #[cfg(not(target_arch = "x86_64"))]
    let found = Cpu::Plain;
    KNOWN.store(found as u8, Ordering::Relaxed);
    found
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

    use super::Cpu;

    /// The bits are those of the processor manuals (Intel SDM volume 2A, CPUID).
    pub(super) fn ask() -> Cpu {
        if __cpuid(0).eax < 7 || __cpuid(0x8000_0000).eax < 0x8000_0001 {
            return Cpu::Plain;
        }
        let (basic, more, extended) = (__cpuid(1), __cpuid_count(7, 0), __cpuid(0x8000_0001));
        let has = |register: u32, bits: &[u32]| bits.iter().all(|bit| register >> bit & 1 == 1);
        // POPCNT, OSXSAVE, AVX; LZCNT.
        if !has(basic.ecx, &[23, 27, 28]) || !has(extended.ecx, &[5]) {
            return Cpu::Plain;
        }
        let saved = saved();
        // BMI1, AVX2, BMI2; the system keeps XMM and YMM.
        if !has(more.ebx, &[3, 5, 8]) || saved & 0b110 != 0b110 {
            return Cpu::Plain;
        }
        // AVX-512 F, BW, VL; VBMI, VBMI2; the system keeps the masks and ZMM.
        let wide = has(more.ebx, &[16, 30, 31]) && has(more.ecx, &[1, 6]);
        if wide && saved & 0b1110_0110 == 0b1110_0110 { Cpu::Avx512 } else { Cpu::Avx2 }
    }

    /// Which registers the system keeps when it switches tasks.
    fn saved() -> u64 {
        #[target_feature(enable = "xsave")]
        fn read() -> u64 {
            // SAFETY: the register 0 exists wherever OSXSAVE is set.
            unsafe { _xgetbv(0) }
        }
        // SAFETY: the caller saw OSXSAVE set.
        unsafe { read() }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    /// The standard library asks the same in its own way.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_processor_is_known() {
        let avx2 = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("bmi2");
        let wide = std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("avx512vbmi")
            && std::is_x86_feature_detected!("avx512vbmi2");
        assert_eq!(cpu() >= Cpu::Avx2, avx2);
        assert_eq!(cpu() == Cpu::Avx512, avx2 && wide);
        assert_eq!(cpu(), cpu());
    }
}
