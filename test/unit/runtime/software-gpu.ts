/** A Vulkan driver that computes on the CPU, so that WebGPU can be tested on machines without a GPU. */
import { existsSync } from 'node:fs';
import path from 'node:path';

/** Chromium and Chrome bring SwiftShader along; `npm test` installs a Chromium. */
const drivers = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'].map((folder) =>
  path.join(folder, 'vk_swiftshader_icd.json'),
);

/** Of a child process that is to see SwiftShader and no other GPU; undefined where it is not installed. */
export const swiftShader: Readonly<Record<string, string>> | undefined = drivers
  .filter((file) => existsSync(file))
  .map((file) => ({
    VK_ICD_FILENAMES: file,
    VK_DRIVER_FILES: file,
    // the loader, libvulkan.so.1, lies beside it
    LD_LIBRARY_PATH: path.dirname(file),
    XDG_RUNTIME_DIR: '/tmp',
  }))[0];
