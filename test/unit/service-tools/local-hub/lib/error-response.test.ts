import { describe, expect, it } from "vitest";
import { bareErrorBody, httpErrorBody, httpStatus } from "../../../../../service-tools/local-hub/lib/error-response.ts";
import {
  deviceAlreadyExists,
  deviceNotOnline,
  moduleAlreadyExists,
  responseTimedOut,
} from "../../../../../service-tools/local-hub/lib/error-catalog.ts";

const tracking = { id: "e40e9db2199f482b887af45fbeaa7b8c", atMs: Date.parse("2020-08-20T22:05:30.123Z") };
const TRACKED = "e40e9db2199f482b887af45fbeaa7b8c-G:0-TimeStamp:08/20/2020 22:05:30";

describe("an error body", () => {
  it("is classic for identities and twins", () => {
    expect(httpErrorBody(deviceAlreadyExists("a"), tracking)).toBe(
      `{"Message":"ErrorCode:DeviceAlreadyExists;A device with ID 'a' is already registered.",` +
        `"ExceptionMessage":"Tracking ID:${TRACKED}"}`,
    );
  });

  it("is nested for methods: JSON in a string in JSON", () => {
    const body: { Message: string; ExceptionMessage: string } = JSON.parse(
      httpErrorBody(deviceNotOnline(5000), tracking),
    );
    expect(body.ExceptionMessage).toBe("");
    expect(body.Message).toBe(
      `{"errorCode":404103,"trackingId":"${TRACKED}","message":"The operation failed because the requested device ` +
        `isn't online or hasn't registered the direct method callback. To learn more, see https://aka.ms/iothub404103",` +
        `"info":{"timeout":"00:00:05"},"timestampUtc":"2020-08-20T22:05:30.123Z"}`,
    );
  });

  it("is bare for modules, as everything is over MQTT", () => {
    const error = moduleAlreadyExists("d", "m", "hub");
    expect(httpErrorBody(error, tracking)).toBe(bareErrorBody(error, tracking));
    expect(JSON.parse(bareErrorBody(error, tracking))).toEqual({
      errorCode: 409_301,
      trackingId: TRACKED,
      message: "Device d in IotHub hub already contains Module m.",
      timestampUtc: "2020-08-20T22:05:30.123Z",
    });
  });

  it("has its HTTP status in the code", () => {
    expect([deviceAlreadyExists("a"), deviceNotOnline(0), responseTimedOut()].map(httpStatus)).toEqual([409, 404, 504]);
  });
});
