// Recordings and sound files as 16 kHz mono WAV, which every model that listens reads.

const RATE = 16000;

/** Any sound that the browser decodes, as a WAV file. Throws what decodeAudioData throws. */
export async function toWav(blob) {
  const context = new OfflineAudioContext(1, 1, RATE);
  // Decoding resamples to the context's rate.
  const sound = await context.decodeAudioData(await blob.arrayBuffer());
  const mixed = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel++) {
    sound.getChannelData(channel).forEach((sample, place) => (mixed[place] += sample / sound.numberOfChannels));
  }
  return new Blob([header(mixed.length), samples(mixed)], { type: "audio/wav" });
}

function header(count) {
  const view = new DataView(new ArrayBuffer(44));
  const text = (place, letters) => [...letters].forEach((letter, i) => view.setUint8(place + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * count, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, 2 * RATE, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * count, true);
  return view;
}

function samples(values) {
  const view = new DataView(new ArrayBuffer(2 * values.length));
  values.forEach((value, i) => view.setInt16(2 * i, Math.max(-1, Math.min(1, value)) * 0x7fff, true));
  return view;
}

/** Starts to record; returns a function that ends it and gives the WAV. Throws where it may not. */
export async function record() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  recorder.start();
  return async () => {
    const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
    recorder.stop();
    await ended;
    stream.getTracks().forEach((track) => track.stop());
    return toWav(new Blob(parts, { type: recorder.mimeType }));
  };
}
