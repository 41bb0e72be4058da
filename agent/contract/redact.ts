/**
 * Takes keys, signatures and the query strings and passwords of URLs out of a text. What is logged, reported or answered
 * passes through here wherever a part of it came from outside.
 */
export function redact(text: string): string {
  return text
    .replaceAll(/(SharedAccessKey|SharedAccessSignature|sig)=(?:\\*["'])?[^;&\s"']+/gi, "$1=[secret]") // Quoted or not.
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>@]+@/gi, "$1[secret]@")
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s?"'<>]+)\?[^\s"'<>]*/gi, "$1?[secret]");
}
